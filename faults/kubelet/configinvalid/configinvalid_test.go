package configinvalid

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5)) }

func TestWhatIsInvalid(t *testing.T) {
	const main, drop = "/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet.conf.d/10-a.conf"
	text := &snapshot.Text{Path: main, Content: "kind: KubeletConfiguration\n"}
	problem := func(kind, source string) []snapshot.FieldProblem {
		return []snapshot.FieldProblem{{Kind: kind, Path: "x", Source: source, Line: 1, Detail: "d"}}
	}
	set := func(pairs ...string) map[string]snapshot.Effective {
		out := map[string]snapshot.Effective{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: pairs[i+1], Source: main, Line: i + 1}}
		}
		return out
	}
	for name, tc := range map[string]struct {
		k    snapshot.Kubelet
		want int
	}{
		"well":                       {snapshot.Kubelet{Config: text, ConfigPath: main}, 0},
		"no YAML":                    {snapshot.Kubelet{Config: text, ConfigPath: "", ConfigErr: "yaml: line 1: did not find"}, 1},
		"missing":                    {snapshot.Kubelet{ConfigErr: "no such file or directory"}, 0},
		"a key twice":                {snapshot.Kubelet{Config: text, ConfigPath: main, ConfigErr: "line 2: mapping key \"x\" already defined at line 1"}, 0},
		"a field of another release": {snapshot.Kubelet{Config: text, ConfigPath: main, Problems: problem("unknown-field", main)}, 0},
		"doubled by a check":         {snapshot.Kubelet{Config: text, ConfigPath: main, Problems: problem("duplicate-key", main)}, 0},
		"wrong type":                 {snapshot.Kubelet{Config: text, ConfigPath: main, Problems: problem("wrong-type", main)}, 1},
		"wrong type in a drop-in":    {snapshot.Kubelet{Config: text, ConfigPath: main, DropIns: []string{drop}, Files: []snapshot.Text{{Path: drop, Content: "kind: KubeletConfiguration"}}, Problems: problem("wrong-type", drop)}, 1},
		"drop-in that says nothing":  {snapshot.Kubelet{Config: text, ConfigPath: main, DropIns: []string{drop}, Files: []snapshot.Text{{Path: drop, Content: "maxPods: 9"}}}, 1},
		"an argument is another's":   {snapshot.Kubelet{Config: text, ConfigPath: main, Problems: problem("bad-value", "/etc/default/kubelet")}, 0},
		"it runs with it":            {snapshot.Kubelet{Running: true, Healthz: "ok", Config: text, ConfigPath: main, Problems: problem("wrong-type", main)}, 0},
		"changed since it started":   {snapshot.Kubelet{Running: true, Healthz: "ok", Config: text, ConfigPath: main, Stale: []string{main}, Problems: problem("wrong-type", main)}, 1},
		"values in their bounds":     {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("port", "10250", "readOnlyPort", "10255", "healthzPort", "0", "imageGCHighThresholdPercent", "100", "imageGCLowThresholdPercent", "80", "containerLogMaxFiles", "2", "hairpinMode", "none", "nodeStatusMaxImages", "-1", "enforceNodeAllocatable", `["none"]`)}, 0},
		"port out of bounds":         {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("port", "102500")}, 1},
		"low above high":             {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("imageGCHighThresholdPercent", "70", "imageGCLowThresholdPercent", "80")}, 1},
		"enforced without its group": {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("enforceNodeAllocatable", `["pods","kube-reserved"]`)}, 1},
		"enforced with its group":    {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("enforceNodeAllocatable", `["pods","kube-reserved"]`, "kubeReservedCgroup", "/kube")}, 0},
		"several pulls, serialised":  {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("maxParallelImagePulls", "3", "serializeImagePulls", "true")}, 1},
		"several pulls":              {snapshot.Kubelet{Config: text, ConfigPath: main, Effective: set("maxParallelImagePulls", "3", "serializeImagePulls", "false")}, 0},
	} {
		if got := detect(&snapshot.Snapshot{Kubelet: &tc.k}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
