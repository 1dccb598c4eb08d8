package blackholed

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
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

// A pod of this node that is gone has left its address in the Service's
// endpoints, and what pod networks keep for the addresses that nobody has.
func TestPodGone(t *testing.T) {
	for node, want := range map[string]int{"cp1": 0, "w1": 1} {
		m := faulttest.New(t)
		if err := m.WriteRoute(op.Route{Kind: "route", Text: "blackhole 10.244.9.0/26 table 254 proto bird"}); err != nil {
			t.Fatal(err)
		}
		s := m.Snapshot()
		s.Cluster.Endpoints = append(s.Cluster.Endpoints, snapshot.Endpoint{Namespace: "shop", Service: "web", Pod: "web-1", Node: node, Address: "10.244.9.7", Port: 80, Ready: true})
		if got := detect(s); len(got) != want {
			t.Errorf("a pod of %s: %d findings, want %d: %+v", node, len(got), want, got)
		}
	}
}
