package redirected

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestCases(t *testing.T) {
	to := func(port int, verdict, target string) op.FilterMatch {
		return op.FilterMatch{Protocol: "tcp", DstPort: port, Verdict: verdict, Target: target}
	}
	for name, tc := range map[string]struct {
		chain string
		rule  op.FilterMatch
		want  int
	}{
		"the API server's port":          {"OUTPUT", to(6443, "redirect", ":8443"), 1},
		"to another host":                {"PREROUTING", to(6443, "dnat", "203.0.113.9:6443"), 1},
		"names":                          {"PREROUTING", op.FilterMatch{Protocol: "udp", To: "10.96.0.10", DstPort: 53, Verdict: "dnat", Target: "203.0.113.9:53"}, 1},
		"to another node's port":         {"OUTPUT", to(6443, "dnat", "172.20.0.3:6443"), 0},
		"to the API server itself":       {"OUTPUT", to(6443, "dnat", "172.20.0.2:6443"), 0},
		"a port forward for others":      {"PREROUTING", to(443, "redirect", ":6443"), 0},
		"a cache of names on the node":   {"PREROUTING", op.FilterMatch{Protocol: "udp", DstPort: 53, Verdict: "dnat", Target: "169.254.20.10:53"}, 0},
		"of an interface that is not it": {"PREROUTING", op.FilterMatch{Protocol: "tcp", InLink: "docker0", DstPort: 6443, Verdict: "redirect", Target: ":8443"}, 0},
		"what is dropped is another's":   {"OUTPUT", op.FilterMatch{Protocol: "tcp", DstPort: 6443, Verdict: "drop"}, 0},
	} {
		m := faulttest.New(t)
		at := op.FilterPlace{Family: "ip", Table: "nat", Chain: tc.chain}
		if err := (op.AddRule{At: at, Match: tc.rule}).Do(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got := detect(m.Snapshot()); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}
