package authorization

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

func with(k *snapshot.Kubelet) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Addresses: []string{"10.0.0.2/24"}}}}}}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"as kubeadm has it":               {with(set(enabled, "true", "default", address, "0.0.0.0", "default", anonymous, "false", "/c", mode, "Webhook", "/c")), 0},
		"one address of the node":         {with(set(address, "10.0.0.2", "/c")), 0},
		"every address":                   {with(set(address, "::", "/c")), 0},
		"anonymous, who may do nothing":   {with(set(anonymous, "true", "/c", mode, "Webhook", "/c")), 0},
		"known callers may do everything": {with(set(anonymous, "false", "/c", mode, "AlwaysAllow", "/c")), 0},
		"serves nobody":                   {with(set(enabled, "false", "/c")), 1},
		"loopback":                        {with(set(address, "127.0.0.1", "/c")), 1},
		"an address of nobody":            {with(set(address, "10.0.0.3", "/c")), 1},
		"open to everybody":               {with(set(anonymous, "true", "default", mode, "AlwaysAllow", "default")), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
