package cidrconflict

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		subnet string
		change func(*snapshot.Snapshot)
		want   string
	}{
		"the node's":           {"10.244.0.0/24", nil, ""},
		"a part of the node's": {"10.244.0.128/25", nil, ""},
		"the cluster's":        {"10.244.0.0/16", nil, ""},
		"no podCIDR":           {"10.150.0.0/24", func(s *snapshot.Snapshot) { s.Cluster.Nodes[0].PodCIDRs = nil }, ""},
		"the other family":     {"fd00::/64", nil, ""},
		"a bridge of its own":  {"10.244.0.0/24", func(s *snapshot.Snapshot) { s.Network.Namespaces[0].Links[1].Addresses = []string{"10.244.0.0/32"} }, ""},
		"another node's":       {"10.244.1.0/24", nil, "node w1's"},
		"the Services'":        {"10.96.7.0/24", nil, "the Services'"},
		"the node's network":   {"172.20.9.0/24", nil, "the node's own network on eth0, 172.20.0.0/16"},
		"not the cluster's":    {"10.150.0.0/24", nil, "the cluster gave this node 10.244.0.0/24"},
	} {
		s := faulttest.New(t).Snapshot()
		f := &s.CNI.Files[0]
		f.Content = strings.ReplaceAll(f.Content, f.Plugins[0].Subnets[0], tc.subnet)
		f.Plugins[0].Subnets = []string{tc.subnet}
		if tc.change != nil {
			tc.change(s)
		}
		found := detect(s)
		got := ""
		if len(found) > 0 {
			got = found[0].Summary
		}
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
