package faulttest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect"
	"github.com/klustered/klustered/internal/collect/kubelet"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const kubeletUnit = "kubelet.service"

// A kubeletState is what becomes of a kubelet that is started with what the
// files say now.
type kubeletState struct {
	section *snapshot.Kubelet // as the files have it
	dead    string            // why it ends at once, or ""
}

// settleKubelet finds out how the simulated kubelet does.
func (m *Machine) settleKubelet() {
	var list []source.Collector
	for _, c := range kubelet.Collectors() {
		if c.Section == snapshot.SectionKubelet {
			c.After = nil
			list = append(list, c)
		}
	}
	s := collect.Run(context.Background(), source.New(m.Root, false), collect.Options{Node: "cp1", At: At, Collectors: list})
	m.kubelet = kubeletState{section: s.Kubelet}
	for _, dies := range kubeletDeaths {
		if s.Kubelet != nil && m.kubelet.dead == "" {
			m.kubelet.dead = dies(m, s.Kubelet)
		}
	}
}

// writeStates makes the files anew in which the kubelet writes its managers'
// state down, as each start of it does that finds none.
func (m *Machine) writeStates() {
	for name, f := range m.files {
		if strings.HasPrefix(name, "/var/lib/kubelet/") && strings.HasSuffix(name, "_manager_state") && !m.there(name) {
			if err := m.WriteFile(name, f); err != nil {
				m.t.Fatal(err)
			}
		}
	}
}

// startKubelet gives the kubelet's process the arguments of its unit.
func (m *Machine) startKubelet() {
	m.settleKubelet()
	if m.kubelet.dead == "" {
		m.writeStates()
	}
	k := m.kubelet.section
	if k == nil || k.Start == nil || len(k.Start.Words) == 0 {
		return
	}
	var args []string
	for _, w := range k.Start.Words {
		args = append(args, w.Text)
	}
	for i := range m.World.Processes.List {
		if p := &m.World.Processes.List[i]; p.Name == "kubelet" {
			p.Args = args
		}
	}
}

// kubeletDeaths are the reasons for which a kubelet ends right after its
// start, in the order in which it looks.
var kubeletDeaths = []func(*Machine, *snapshot.Kubelet) string{diesOfArguments, diesOfConfig, diesOfMissing, diesOfCertificate, diesOfNode, diesOfState}

// diesOfArguments: pflag ends the program at the first word that it does not
// take.
func diesOfArguments(_ *Machine, k *snapshot.Kubelet) string {
	for _, p := range k.Problems {
		if strings.HasPrefix(p.Path, "--") {
			return "failed to parse kubelet flag: unknown flag: " + p.Path
		}
		if p.Kind == "unknown-field" && p.Source != k.ConfigPath && !strings.HasSuffix(p.Source, ".conf") {
			return "unknown command " + p.Path
		}
	}
	return ""
}

// diesOfConfig: unknown and doubled fields are left out with a warning, all
// else ends the kubelet.
func diesOfConfig(_ *Machine, k *snapshot.Kubelet) string {
	if k.ConfigErr != "" && !strings.Contains(k.ConfigErr, "already defined") {
		return "failed to load kubelet config file: " + k.ConfigErr
	}
	for _, p := range k.Problems {
		if p.Kind == "wrong-type" || p.Kind == "bad-value" || p.Kind == "unknown-gate" {
			return "failed to load kubelet config file: " + p.Path + " " + p.Detail
		}
	}
	for key, values := range map[string]string{"imageGCLowThresholdPercent": "100", "containerLogMaxFiles": "0 1", "topologyManagerPolicy": "numa",
		"kubeAPIBurst": "-5", "oomScoreAdj": "-2000", "hairpinMode": "veth"} {
		if v := k.Effective[key].Value; v != "" && slices.Contains(strings.Fields(values), v) {
			return "failed to validate kubelet configuration, error: invalid configuration: " + key + " " + v
		}
	}
	return ""
}

// diesOfMissing: files without which it does not start.
func diesOfMissing(m *Machine, k *snapshot.Kubelet) string {
	if k.Start != nil && len(k.Start.Required) > 0 {
		return "cannot load environment files"
	}
	if file := k.Effective["--config"].Value; file != "" && !m.there(file) {
		return "failed to load kubelet config file, path: " + file + ", error: no such file or directory"
	}
	if ca := k.Effective["authentication.x509.clientCAFile"].Value; ca != "" && !m.there(ca) {
		return "unable to load client CA file " + ca
	}
	if dir := k.Effective["--config-dir"].Value; dir != "" && !m.there(dir) {
		return "failed to walk through kubelet dropin directory " + dir
	}
	if !m.there(k.Kubeconfig) && k.Bootstrap == "" {
		return "unable to load bootstrap kubeconfig"
	}
	return ""
}

// diesOfCertificate: without a client certificate that is good it looks for a
// bootstrap token, which the node does not have.
func diesOfCertificate(m *Machine, k *snapshot.Kubelet) string {
	const dies = "failed to run Kubelet: unable to load bootstrap kubeconfig: stat /etc/kubernetes/bootstrap-kubelet.conf: no such file or directory"
	f := m.all()[k.ClientCert]
	if f.Link != "" {
		f = m.all()[f.Link]
	}
	block, _ := pem.Decode(f.Data)
	if block == nil {
		return dies
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || At.After(c.NotAfter) {
		return dies
	}
	return ""
}

// diesOfNode: what it does not find on the node as it wants it.
func diesOfNode(m *Machine, k *snapshot.Kubelet) string {
	if _, unified := m.all()["/sys/fs/cgroup/cgroup.procs"]; k.Effective["failCgroupV1"].Value == "true" && !unified {
		return "failed to run Kubelet: kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release"
	}
	if k.Effective["failSwapOn"].Value == "true" && len(m.World.Host.Swaps) > 0 {
		return "failed to run Kubelet: running with swap on is not supported, please disable swap or set --fail-swap-on flag to false"
	}
	for _, key := range []string{"systemReserved.memory", "kubeReserved.memory"} {
		if gi, ok := strings.CutSuffix(k.Effective[key].Value, "Gi"); ok && len(gi) > 0 && gi != "0" && gi != "1" {
			return "Failed to start ContainerManager: invalid Node Allocatable configuration. Expected capacity >= reservation."
		}
	}
	return ""
}

// diesOfState: what it wrote down of its managers and cannot read any more.
func diesOfState(_ *Machine, k *snapshot.Kubelet) string {
	for _, x := range k.States {
		if x.Error != "" && strings.HasSuffix(x.Path, "_manager_state") {
			return "failed to run Kubelet: could not restore state from checkpoint: unexpected end of JSON input, please drain this node and delete the CPU manager checkpoint file " + x.Path + " before restarting Kubelet"
		}
	}
	return ""
}

func (m *Machine) there(name string) bool {
	_, ok := m.all()[name]
	return ok
}
