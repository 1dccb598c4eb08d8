package faulttest

import (
	"context"
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

// startKubelet gives the kubelet's process the arguments of its unit.
func (m *Machine) startKubelet() {
	m.settleKubelet()
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
var kubeletDeaths = []func(*Machine, *snapshot.Kubelet) string{diesOfArguments, diesOfConfig, diesOfMissing}

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

func (m *Machine) there(name string) bool {
	_, ok := m.all()[name]
	return ok
}
