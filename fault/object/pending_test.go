package object

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestQuantity(t *testing.T) {
	for text, want := range map[string]float64{"1": 1, "250m": .25, "1Gi": 1 << 30, "2k": 2000, "1.5G": 1.5e9, "0": 0} {
		if got, ok := Quantity(text); !ok || got != want {
			t.Errorf("%s: %v %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "x", "1Xi", "Gi"} {
		if got, ok := Quantity(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestTolerates(t *testing.T) {
	p := snapshot.Pod{Detail: &snapshot.PodDetail{Tolerations: []string{"a=1:NoSchedule", "b", "node.kubernetes.io/not-ready:NoExecute for 300s"}}}
	for taint, want := range map[string]bool{
		"a=1:NoSchedule": true, "a=2:NoSchedule": false, "a=1:NoExecute": false, "b=9:NoExecute": true, "c:NoSchedule": false,
		"node.kubernetes.io/not-ready:NoExecute": true, "node.kubernetes.io/not-ready:NoSchedule": false,
	} {
		if Tolerates(p, taint) != want {
			t.Errorf("%s: not %v", taint, want)
		}
	}
	p.Detail.Tolerations = []string{"*"}
	if !Tolerates(p, "z:NoExecute") {
		t.Error("a pod that tolerates everything does not")
	}
}

func TestOwner(t *testing.T) {
	for owner, want := range map[string]string{"ReplicaSet/front-5c77b978d": "Deployment/front", "DaemonSet/a-b": "DaemonSet/a-b", "": "Pod/p", "Job/x-1": "Job/x-1"} {
		kind, name := Owner(snapshot.Pod{Name: "p", Owner: owner})
		if kind+"/"+name != want {
			t.Errorf("%s: %s/%s", owner, kind, name)
		}
	}
}
