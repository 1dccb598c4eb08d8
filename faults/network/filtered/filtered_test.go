package filtered

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6, 7, 8)) }

// place is the chain that rules are put into.
func place(chain string) op.FilterPlace {
	return op.FilterPlace{Family: "ip", Table: "filter", Chain: chain}
}

func table(name, hook string, drop bool, rules ...op.FilterMatch) op.AddFilter {
	return op.AddFilter{Filter: op.Filter{FilterPlace: op.FilterPlace{Family: "inet", Table: name}, Chains: []op.FilterChain{
		{Name: "c", Type: "filter", Hook: hook, Drop: drop, Rules: rules}, {Name: "sub", Rules: []op.FilterMatch{{Protocol: "tcp", DstPort: 6443, Verdict: "drop"}}},
	}}}
}

// before has the chains of a table come before the service proxy's.
func before(f op.AddFilter) op.AddFilter {
	for i := range f.Filter.Chains {
		f.Filter.Chains[i].Priority = -150
	}
	return f
}

func TestCases(t *testing.T) {
	drop := op.FilterMatch{Verdict: "drop"}
	accept := func(port int) op.FilterMatch {
		return op.FilterMatch{Protocol: "tcp", DstPort: port, Verdict: "accept"}
	}
	lo := op.FilterMatch{InLink: "lo", Verdict: "accept"}
	for name, tc := range map[string]struct {
		do   []op.Op
		want int
	}{
		"the API server's port":                {[]op.Op{op.AddRule{At: place("INPUT"), Match: op.FilterMatch{Protocol: "tcp", DstPort: 6443, Verdict: "drop"}}}, 1},
		"by a jump":                            {[]op.Op{table("x", "input", false, op.FilterMatch{Protocol: "tcp", Verdict: "jump", Target: "sub"})}, 1},
		"the scheduler's, on loopback":         {[]op.Op{op.AddRule{At: place("OUTPUT"), Match: op.FilterMatch{Protocol: "tcp", To: "127.0.0.0/8", DstPort: 10259, Verdict: "reject"}}}, 1},
		"names between pods":                   {[]op.Op{op.AddRule{At: place("FORWARD"), Match: op.FilterMatch{Protocol: "udp", DstPort: 53, Verdict: "drop"}}}, 1},
		"a Service's address":                  {[]op.Op{before(table("x", "output", false, op.FilterMatch{To: "10.96.0.0/12", Verdict: "drop"}))}, 1},
		"a Service's, once it is a pod's":      {[]op.Op{table("x", "output", false, op.FilterMatch{To: "10.96.0.0/12", Verdict: "drop"})}, 0},
		"a policy":                             {[]op.Op{table("x", "input", true, lo)}, 1},
		"a firewall that opens what is needed": {[]op.Op{table("x", "input", false, lo, op.FilterMatch{From: "10.0.0.0/8", Verdict: "accept"}, op.FilterMatch{From: "172.16.0.0/12", Verdict: "accept"}, drop)}, 0},
		"healthy":                              {nil, 0},
		"a port that nobody has":               {[]op.Op{op.AddRule{At: place("INPUT"), Match: op.FilterMatch{Protocol: "tcp", DstPort: 23, Verdict: "drop"}}}, 0},
		"the same port of UDP":                 {[]op.Op{op.AddRule{At: place("INPUT"), Match: op.FilterMatch{Protocol: "udp", DstPort: 6443, Verdict: "drop"}}}, 0},
		"etcd closed to the outside":           {[]op.Op{op.AddRule{At: place("INPUT"), Match: op.FilterMatch{Protocol: "tcp", InLink: "eth0", DstPort: 2379, Verdict: "drop"}}}, 0},
		"a stranger":                           {[]op.Op{op.AddRule{At: place("INPUT"), Match: op.FilterMatch{From: "203.0.113.7", Verdict: "drop"}}}, 0},
		"a chain that nothing jumps to":        {[]op.Op{table("x", "input", false)}, 0},
		"accepted before":                      {[]op.Op{table("x", "input", false, accept(6443), op.FilterMatch{Protocol: "tcp", DstPort: 6443, Verdict: "drop"})}, 0},
		"another interface":                    {[]op.Op{table("x", "forward", false, op.FilterMatch{OutLink: "docker0", Verdict: "drop"})}, 0},
	} {
		m := faulttest.New(t)
		for _, o := range tc.do {
			if err := o.Do(t.Context(), m); err != nil {
				t.Fatal(name, err)
			}
		}
		if got := detect(m.Snapshot()); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}

// A rule that ends all is the end of a firewall where others before it let
// pass, by a chain or a map as well.
func TestFirewallStays(t *testing.T) {
	for _, rule := range []op.FilterMatch{
		{Protocol: "tcp", DstPort: 22, Verdict: "jump", Target: "sub"},
		{Protocol: "tcp", DstPort: 22, Verdict: "accept"},
	} {
		m := faulttest.New(t)
		if err := table("x", "input", false, rule, op.FilterMatch{Verdict: "drop"}).Do(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		s := m.Snapshot()
		found := detect(s)
		if len(found) != 1 {
			t.Fatalf("%+v: %d findings", rule, len(found))
		}
		if plan, err := remedy(s, found[0]); err == nil {
			t.Errorf("%+v: the last rule of a firewall would go: %v", rule, plan)
		}
	}
}
