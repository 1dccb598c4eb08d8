package state

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func node(x snapshot.StateFile, settings ...string) *snapshot.Snapshot {
	x.Path = "/var/lib/kubelet/" + x.Path
	k := &snapshot.Kubelet{States: []snapshot.StateFile{x}, Effective: map[string]snapshot.Effective{
		"cpuManagerPolicy": {Origin: snapshot.Origin{Value: "none", Source: "default"}}, "memoryManagerPolicy": {Origin: snapshot.Origin{Value: "None", Source: "default"}}}}
	for i := 0; i+1 < len(settings); i += 2 {
		k.Effective[settings[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: settings[i+1], Source: "/c", Line: 3}}
	}
	return &snapshot.Snapshot{At: faulttest.At, Kubelet: k, Logs: &snapshot.Logs{}}
}

func TestDetect(t *testing.T) {
	none := map[string]string{"policyName": "none"}
	const cpu = "cpu_manager_state"
	for name, tt := range map[string]struct {
		s           *snapshot.Snapshot
		change      func(*snapshot.Snapshot)
		want, fixed bool
	}{
		"whole":                      {node(snapshot.StateFile{Path: cpu, Values: none, Sum: "ok"}), nil, false, false},
		"of an older release":        {node(snapshot.StateFile{Path: cpu, Values: none}), nil, false, false},
		"damaged":                    {node(snapshot.StateFile{Path: cpu, Error: "is no JSON", SHA256: "1"}), nil, true, true},
		"damaged, and it runs":       {node(snapshot.StateFile{Path: cpu, Error: "is no JSON"}), func(s *snapshot.Snapshot) { s.Kubelet.Healthz, s.Kubelet.Running = "ok", true }, false, false},
		"changed":                    {node(snapshot.StateFile{Path: cpu, Values: none, Sum: "wrong", SHA256: "1"}), nil, true, true},
		"of no manager":              {node(snapshot.StateFile{Path: "allocated_pods_state", Error: "is no JSON"}), nil, false, false},
		"another policy":             {node(snapshot.StateFile{Path: cpu, Values: none, SHA256: "1"}, "cpuManagerPolicy", "static"), nil, true, false},
		"of a policy that gave":      {node(snapshot.StateFile{Path: cpu, Values: map[string]string{"policyName": "static"}, SHA256: "1"}), nil, true, false},
		"damaged, of one that gives": {node(snapshot.StateFile{Path: cpu, Error: "is no JSON", SHA256: "1"}, "cpuManagerPolicy", "static"), nil, true, false},
		"memory, its own none":       {node(snapshot.StateFile{Path: "memory_manager_state", Values: map[string]string{"policyName": "None"}}), nil, false, false},
		"dynamic resources":          {node(snapshot.StateFile{Path: "dra_manager_state", Sum: "wrong", SHA256: "1"}), nil, true, false},
		"the kubelet says so": {node(snapshot.StateFile{Path: cpu, Values: none, SHA256: "1"}), func(s *snapshot.Snapshot) {
			s.Logs.Observations = []snapshot.Observation{{ID: "kubelet-state-bad", Last: s.At.Add(-time.Minute), Params: map[string]string{"path": "/var/lib/kubelet/" + cpu}}}
		}, true, true},
		"it says so of another": {node(snapshot.StateFile{Path: cpu, Values: none}), func(s *snapshot.Snapshot) {
			s.Logs.Observations = []snapshot.Observation{{ID: "kubelet-state-bad", Last: s.At.Add(-time.Minute), Params: map[string]string{"path": "/var/lib/kubelet/memory_manager_state"}}}
		}, false, false},
	} {
		if tt.change != nil {
			tt.change(tt.s)
		}
		got := detect(tt.s)
		if (len(got) == 1) != tt.want {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if len(got) == 1 {
			if plan, err := Fault.Remedy(tt.s, got[0]); (err == nil) != tt.fixed {
				t.Errorf("%s: %v, %v", name, plan, err)
			}
		}
	}
}
