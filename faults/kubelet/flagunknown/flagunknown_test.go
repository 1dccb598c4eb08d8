package flagunknown

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestWhatIsRefused(t *testing.T) {
	at := func(words ...string) *snapshot.Start {
		s := &snapshot.Start{Words: []snapshot.Word{{Text: "/usr/bin/kubelet"}}}
		for i, w := range words {
			s.Words = append(s.Words, snapshot.Word{Text: w, Source: "/e", Line: i + 1})
		}
		return s
	}
	for name, tc := range map[string]struct {
		k    snapshot.Kubelet
		want int
	}{
		"nothing odd":              {snapshot.Kubelet{Version: "v1.37.2", Start: at("--v=2", "--node-ip", "10.0.0.1", "--config=/c", "--max_pods=9")}, 0},
		"flags of its release":     {snapshot.Kubelet{Version: "v1.33.1", Start: at("--pod-infra-container-image=x", "--cloud-config=")}, 0},
		"flag that is gone":        {snapshot.Kubelet{Version: "v1.37.2", Start: at("--pod-infra-container-image=x")}, 1},
		"value of the wrong kind":  {snapshot.Kubelet{Version: "v1.37.2", Start: at("--max-pods=many")}, 1},
		"no such gate":             {snapshot.Kubelet{Version: "v1.37.2", Start: at("--feature-gates=NoSuch=true")}, 1},
		"gate of its release":      {snapshot.Kubelet{Version: "v1.37.2", Start: at("--feature-gates=KubeletInUserNamespace=true")}, 0},
		"a word that is no flag":   {snapshot.Kubelet{Version: "v1.37.2", Start: at("cni")}, 1},
		"release without a table":  {snapshot.Kubelet{Version: "v1.52.0", Start: at("--brand-new=1")}, 0},
		"release not known":        {snapshot.Kubelet{Start: at("--brand-new=1")}, 0},
		"release told by a guess":  {snapshot.Kubelet{Version: "v1.37.2", VersionFrom: "manifest", Start: at("--brand-new=1")}, 0},
		"it runs with it, well":    {snapshot.Kubelet{Version: "v1.37.2", Running: true, Healthz: "ok", Args: []string{"k", "--odd=1"}, Start: at("--odd=1")}, 0},
		"its next start adds it":   {snapshot.Kubelet{Version: "v1.37.2", Running: true, Healthz: "ok", Args: []string{"k"}, Start: at("--odd=1")}, 1},
		"caught while it still is": {snapshot.Kubelet{Version: "v1.37.2", Running: true, Args: []string{"k", "--odd=1"}, Start: at("--odd=1")}, 1},
		"no unit":                  {snapshot.Kubelet{Version: "v1.37.2"}, 0},
	} {
		if got := detect(&snapshot.Snapshot{Kubelet: &tc.k}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestVitalFlagsAreLeftToAPerson(t *testing.T) {
	k := &snapshot.Kubelet{Version: "v1.37.2", Start: &snapshot.Start{Words: []snapshot.Word{{Text: "k"}, {Text: "--kubeconfg=/x", Source: "/e", Line: 1}}}}
	s := &snapshot.Snapshot{Kubelet: k}
	found := detect(s)
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	if _, err := remedy(s, found[0]); err == nil {
		t.Error("a mistyped --kubeconfig was dropped")
	}
}
