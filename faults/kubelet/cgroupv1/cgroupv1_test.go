package cgroupv1

import (
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

func with(k *snapshot.Kubelet, mode string) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Cgroups: &snapshot.Cgroups{Mode: mode, Root: "/sys/fs/cgroup"}}
}

func well(k *snapshot.Kubelet) *snapshot.Kubelet { k.Healthz, k.Running = "ok", true; return k }

func old(k *snapshot.Kubelet) *snapshot.Kubelet { k.Version = "v1.99.0"; return k }

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"v2":                          {with(set(key, "true", "default"), "v2"), 0},
		"told to run":                 {with(set(key, "false", "/c"), "v1"), 0},
		"it runs":                     {with(well(set(key, "true", "/c")), "hybrid"), 0},
		"a default that is not known": {with(old(set(key, "true", "default")), "v1"), 0},
		"v1":                          {with(set(key, "true", "/c"), "v1"), 1},
		"hybrid, by default":          {with(set(key, "true", "default"), "hybrid"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
