package maxpods

import (
	"fmt"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3)) }

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet, pods, refused int) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Node: "n", Kubelet: k, Host: &snapshot.Host{CPUs: 2}, Cluster: &snapshot.Cluster{Pods: []snapshot.Pod{{Node: "m", Phase: "Running"}, {Node: "n", Phase: "Succeeded"}}}}
	for range pods {
		s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{Node: "n", Phase: "Running"})
	}
	for range refused {
		s.Cluster.Pods = append(s.Cluster.Pods, snapshot.Pod{Node: "n", Phase: "Failed", Reason: "OutOfpods"})
	}
	return s
}

// running has no objects, and a runtime with that many pods, one of them twice.
func running(k *snapshot.Kubelet, pods int) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Node: "n", Kubelet: k, Host: &snapshot.Host{CPUs: 2}, Runtime: &snapshot.Runtime{Socket: "/run/cri.sock"}}
	s.Runtime.Sandboxes = append(s.Runtime.Sandboxes, snapshot.Sandbox{Name: "p0"})
	for i := range pods {
		s.Runtime.Sandboxes = append(s.Runtime.Sandboxes, snapshot.Sandbox{Name: fmt.Sprint("p", i), Ready: true})
	}
	return s
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"the default":                {with(set("maxPods", "110", "default"), 9, 0), 0},
		"room left":                  {with(set("maxPods", "20", "/c"), 9, 0), 0},
		"full, with more than usual": {with(set("maxPods", "250", "/c"), 250, 0), 0},
		"full by the default":        {with(set("maxPods", "110", "default"), 110, 0), 0},
		"used up":                    {with(set("maxPods", "9", "/c"), 9, 0), 1},
		"some were refused":          {with(set("maxPods", "9", "/c"), 7, 2), 1},
		"fewer than run":             {running(set("maxPods", "4", "/c"), 5), 1},
		"as many as run":             {running(set("maxPods", "5", "/c"), 5), 0},
		"nobody knows":               {&snapshot.Snapshot{Kubelet: set("maxPods", "5", "/c"), Host: &snapshot.Host{CPUs: 2}}, 0},
		"by the CPUs":                {with(set("maxPods", "110", "default", "podsPerCore", "3", "/c"), 6, 0), 1},
		"by the CPUs, with room":     {with(set("maxPods", "110", "default", "podsPerCore", "30", "/c"), 6, 0), 0},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
