package blackholed

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestCases(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, text string
		want       int
	}{
		"healthy":                           {"", "", 0},
		"the network of the pods":           {"route", "blackhole 10.244.0.0/25 table 254 proto static", 1},
		"addresses of Services":             {"route", "unreachable 10.96.0.0/12 table 254 proto static", 1},
		"the other node":                    {"route", "prohibit 172.20.0.3/32 table 254 proto static", 1},
		"a rule before the tables":          {"rule", "priority 10 from all to 10.244.0.0/16 blackhole", 1},
		"a rule for one port":               {"rule", "priority 10 from all ipproto tcp dport 10250 prohibit", 1},
		"the block of a pod network":        {"route", "blackhole 10.244.0.0/16 table 254 proto bird", 0},
		"a network that nobody is in":       {"route", "blackhole 192.0.2.0/24 table 254 proto static", 0},
		"a table that no rule leads to":     {"route", "blackhole 10.244.0.0/25 table 99 proto static", 0},
		"thrown out of a table":             {"route", "throw 10.244.0.0/16 table 255 proto static", 0},
		"a last resort":                     {"route", "unreachable default table 254 proto kernel metric 4278198272", 0},
		"a rule behind the main table":      {"rule", "priority 40000 from all to 10.244.0.0/16 blackhole", 0},
		"a rule for packets from elsewhere": {"rule", "priority 10 from 192.0.2.0/24 blackhole", 0},
	} {
		m := faulttest.New(t)
		if tc.kind != "" {
			if err := m.WriteRoute(op.Route{Kind: tc.kind, Text: tc.text}); err != nil {
				t.Fatal(err)
			}
		}
		if got := detect(m.Snapshot()); len(got) != tc.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), tc.want, got)
		}
	}
}
