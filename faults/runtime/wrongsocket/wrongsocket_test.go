package wrongsocket

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4)) }

func TestDetect(t *testing.T) {
	const ctrd, crio, dockerd = "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/cri-dockerd.sock"
	unit := func(name string) snapshot.Unit {
		return snapshot.Unit{Name: name, Path: "/usr/lib/systemd/system/" + name, Load: "loaded", Active: "inactive"}
	}
	listening := func(name string) []snapshot.RuntimeEndpoint {
		return []snapshot.RuntimeEndpoint{{Path: name, Listening: true, Processes: []string{"x"}}}
	}
	for name, tc := range map[string]struct {
		asks, serves string
		kind         string
		units        []snapshot.Unit
		endpoints    []snapshot.RuntimeEndpoint
		change       func(*snapshot.Runtime)
		found        bool
	}{
		"they agree":             {"unix://" + ctrd, ctrd, "containerd", nil, listening(ctrd), nil, false},
		"the old way to /run":    {"unix:///var" + ctrd, ctrd, "containerd", nil, nil, nil, false},
		"without a scheme":       {ctrd, ctrd, "containerd", nil, nil, nil, false},
		"cri-dockerd answers":    {"unix://" + dockerd, ctrd, "containerd", nil, listening(dockerd), nil, false},
		"cri-dockerd is stopped": {"unix://" + dockerd, ctrd, "containerd", []snapshot.Unit{unit("cri-docker.service")}, listening(ctrd), nil, false},
		"CRI-O is stopped":       {"unix://" + crio, ctrd, "containerd", []snapshot.Unit{unit("crio.service")}, listening(ctrd), nil, false},
		"k3s":                    {"unix:///run/k3s/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock", "containerd", nil, nil, nil, false},
		"it answers after all":   {"unix:///x.sock", ctrd, "containerd", nil, nil, func(r *snapshot.Runtime) { r.Reachable = true }, false},
		"config does not parse":  {"unix:///x.sock", ctrd, "containerd", nil, nil, func(r *snapshot.Runtime) { r.Settings.Files = []snapshot.RuntimeFile{{Error: "x"}} }, false},
		"not a unix socket":      {"tcp://1.2.3.4:5", ctrd, "containerd", nil, nil, nil, false},
		"no runtime of that":     {"unix://" + crio, ctrd, "containerd", nil, listening(ctrd), nil, true},
		"the runtime moved":      {"unix://" + ctrd, "/run/other/x.sock", "containerd", []snapshot.Unit{unit("containerd.service")}, listening("/run/other/x.sock"), nil, true},
		"CRI-O moved":            {"unix://" + crio, "/run/x.sock", "crio", []snapshot.Unit{unit("crio.service")}, listening("/run/x.sock"), nil, true},
		"a typo":                 {"unix:///run/containerd/containerd.sok", ctrd, "containerd", nil, listening(ctrd), nil, true},
	} {
		r := &snapshot.Runtime{Socket: tc.asks, Settings: &snapshot.RuntimeConfig{Kind: tc.kind, Address: tc.serves}, Endpoints: tc.endpoints}
		if tc.change != nil {
			tc.change(r)
		}
		s := &snapshot.Snapshot{Runtime: r, Kubelet: &snapshot.Kubelet{Endpoint: tc.asks}, Systemd: &snapshot.Systemd{Units: tc.units}}
		if found := detect(s); (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
	}
}
