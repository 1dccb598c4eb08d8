package imagelimits

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// A threshold below what is in use.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const conf = "/var/lib/kubelet/config.yaml"
		f, err := m.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		f.Data = append(f.Data, "imageGCHighThresholdPercent: 20\nimageGCLowThresholdPercent: 10\n"...)
		if err := m.WriteFile(conf, f); err != nil {
			t.Fatal(err)
		}
	}), faulttest.Effect(func(_ *faulttest.Machine, s *snapshot.Snapshot) {
		if n, ok := number(s.Kubelet, high); ok && n == 20 && s.Logs != nil {
			s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: "kubelet-image-gc-failed", Source: "journal:kubelet.service", Last: s.At.Add(-time.Minute),
				Sample: `"Image garbage collection failed multiple times in a row" err="Failed to garbage collect required amount of images. Attempted to free 5 bytes, but only found 0 bytes eligible to free."`})
		}
	}))
}

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Snapshot {
	k := &snapshot.Kubelet{Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return &snapshot.Snapshot{At: faulttest.At, Node: "a", Kubelet: k, Host: &snapshot.Host{Mounts: []snapshot.Mount{{Target: "/", Total: 100, Free: 60}}}}
}

func waits(s *snapshot.Snapshot, message string) *snapshot.Snapshot {
	s.Cluster = &snapshot.Cluster{Pods: []snapshot.Pod{{Namespace: "n", Name: "p", Node: "a", Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{{State: "waiting", Reason: "ErrImagePull", Message: message}}}}}}
	return s
}

func collects(s *snapshot.Snapshot) *snapshot.Snapshot {
	s.Cluster = &snapshot.Cluster{Events: []snapshot.Event{{Object: "Node/a", Last: s.At, Message: "Insufficient free disk space on the node's image filesystem (40% of 9 GiB used). Failed to free sufficient space by deleting unused images (freed 0 bytes)."}}}
	return s
}

func TestWhoIsAccused(t *testing.T) {
	const qps = "pull QPS exceeded"
	full := func(s *snapshot.Snapshot, free uint64) *snapshot.Snapshot {
		s.Host.Mounts[0].Free = free
		return s
	}
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"defaults, in a rush":    {waits(set(rate, "5", "default", burst, "10", "default"), qps), 0},
		"the same, said":         {waits(set(rate, "5", "/c", burst, "10", "/c"), qps), 0},
		"no burst":               {waits(set(rate, "5", "default", burst, "0", "/f"), qps), 1},
		"a low rate":             {waits(set(rate, "1", "/c", burst, "10", "default"), qps), 1},
		"both, one cause":        {waits(set(rate, "1", "/c", burst, "1", "/c"), qps), 1},
		"no rate, so no burst":   {waits(set(rate, "0", "/c", burst, "0", "/f"), qps), 0},
		"a low rate, and enough": {waits(set(rate, "1", "/c", burst, "10", "default"), "manifest unknown"), 0},
		"another node's pod": {func() *snapshot.Snapshot {
			s := waits(set(rate, "1", "/c"), qps)
			s.Cluster.Pods[0].Node = "b"
			return s
		}(), 0},
		"a threshold in vain":      {collects(set(high, "30", "/c")), 1},
		"a threshold not reached":  {collects(set(high, "50", "/c")), 0},
		"the disk is full":         {full(collects(set(high, "30", "/c")), 10), 0},
		"the default, and full":    {full(collects(set(high, "85", "default")), 10), 0},
		"it has room after all":    {set(high, "30", "/c"), 0},
		"nothing is known of disk": {func() *snapshot.Snapshot { s := collects(set(high, "30", "/c")); s.Host = nil; return s }(), 0},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
