package wrongsocket

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// kubelet is the kubelet's unit.
const kubelet = "kubelet.service"

// remedy changes the side that left the default. Where both did, the kubelet
// is told where the runtime listens.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	x, moved := cri.Setting(s.Runtime, address)
	if moved && cri.Default(s.Kubelet.Endpoint) && !cri.Default(s.Runtime.Settings.Address) {
		return cri.Change(s, x.Path, x.Line, nil, "the runtime listens at its default again")
	}
	e, ok := s.Kubelet.Effective["containerRuntimeEndpoint"]
	if !ok || e.Source == "default" {
		return nil, errors.New("cannot tell the kubelet where the runtime listens: nothing sets containerRuntimeEndpoint; set it in the kubelet's configuration")
	}
	t, ok := source(s, e.Source)
	if !ok {
		return nil, fmt.Errorf("cannot change %s: it was not read as a file", e.Source)
	}
	line := t.LineAt(e.Line)
	if n := strings.Count(line, e.Value); n != 1 {
		return nil, fmt.Errorf("cannot change %s: line %d names %s %d times", e.Source, e.Line, e.Value, n)
	}
	w, err := fault.EditLines(t, e.Line, e.Line, []string{strings.Replace(line, e.Value, "unix://"+s.Runtime.Settings.Address, 1)}, "where the runtime listens")
	return op.Plan{w, op.Unit{Verb: "restart", Name: kubelet}}, err
}

// source is a file that the kubelet's settings stand in.
func source(s *snapshot.Snapshot, name string) (snapshot.Text, bool) {
	if c := s.Kubelet.Config; c != nil && c.Path == name {
		return *c, true
	}
	u, _ := s.Systemd.Unit(kubelet)
	for _, t := range u.Sourced {
		if t.Path == name {
			return t, true
		}
	}
	return snapshot.Text{}, false
}

// drill tells one of the two another socket: the kubelet in its configuration
// or by a flag, or containerd.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || s.Systemd == nil || !cri.Used(s) {
		return nil, errors.New("cannot part the kubelet from the container runtime: they do not agree now")
	}
	restart := op.Unit{Verb: "restart", Name: kubelet, MayFail: true}
	here, _ := cri.Path(s.Kubelet.Endpoint)
	there := "unix://" + fault.Pick(d, []string{
		"/run/crio/crio.sock", "/run/cri-dockerd.sock", "/var/run/dockershim.sock", path.Dir(path.Dir(here)) + "/k3s/containerd/containerd.sock", path.Dir(here) + "/cri.sock"})
	switch env, ok := source(s, "/var/lib/kubelet/kubeadm-flags.env"); d.Int(0, 2) {
	case 0:
		t, err := cri.Main(s)
		if err != nil {
			return nil, err
		}
		n := len(t.Lines()) + 1
		w, err := fault.EditLines(t, n, n-1, []string{"", "[grpc]", fmt.Sprintf("  address = %q", path.Join(path.Dir(path.Dir(here)), d.Name(), path.Base(here)))}, "another socket")
		if err != nil {
			return nil, err
		}
		broken, err := cri.Broken(s)
		return op.Plan{w, broken}, err
	case 1:
		if ok && strings.HasSuffix(strings.TrimRight(env.LineAt(1), " "), `"`) {
			line := strings.TrimSuffix(strings.TrimRight(env.LineAt(1), " "), `"`) + " --container-runtime-endpoint=" + there + `"`
			w, err := fault.EditLines(env, 1, 1, []string{line}, "another socket")
			return op.Plan{w, restart}, err
		}
	}
	e := s.Kubelet.Effective["containerRuntimeEndpoint"]
	t, ok := source(s, e.Source)
	if !ok {
		return nil, errors.New("cannot part the kubelet from the container runtime: no file sets its endpoint")
	}
	w, err := fault.EditLines(t, e.Line, e.Line, []string{strings.Replace(t.LineAt(e.Line), e.Value, there, 1)}, "another socket")
	return op.Plan{w, restart}, err
}
