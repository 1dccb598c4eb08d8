package nodeip

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2)) }

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Name: "lo", Addresses: []string{"127.0.0.1/8"}}, {Name: "eth0", Addresses: []string{"10.0.0.2/24", "fd00::2/64"}}}}, {Links: []snapshot.Link{{Addresses: []string{"10.244.0.9/24"}}}}}}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"its own":        {with(set(key, "10.0.0.2", "/e")), 0},
		"both families":  {with(set(key, "10.0.0.2,fd00::2", "/e")), 0},
		"a family alone": {with(set(key, "::", "/e")), 0},
		"none":           {with(set()), 0},
		"another's":      {with(set(key, "10.0.0.3", "/e")), 1},
		"a pod's":        {with(set(key, "10.244.0.9", "/e")), 1},
		"one of two":     {with(set(key, "10.0.0.2,fd00::3", "/e")), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
