package causal

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func roots(r Ranking) []Node {
	var out []Node
	for _, c := range r.Causes {
		if c.Root {
			out = append(out, c.Node)
		}
	}
	return out
}

func TestRank(t *testing.T) {
	chain := []Edge{{From: "c", To: "b", Strength: .98}, {From: "b", To: "a", Strength: .98}, {From: "a", To: "s", Strength: .98}}
	fan := []Edge{
		{From: "etcd", To: "api", Strength: .98}, {From: "api", To: "notready", Strength: .8},
		{From: "dns", To: "resolve", Strength: .98}, {From: "fwd", To: "resolve", Strength: .4}, {From: "fwd", To: "cross", Strength: .98},
	}
	ring := []Edge{{From: "a", To: "b", Strength: 1}, {From: "b", To: "c", Strength: 1}, {From: "c", To: "a", Strength: 1}}
	for _, tt := range []struct {
		name    string
		edges   []Edge
		in      Evidence
		order   []Node
		roots   []Node
		orphans []Node
	}{
		{"chain_of_three_shows_its_beginning", chain, Evidence{Found: []Node{"a", "b", "c"}, Seen: []Node{"s"}}, []Node{"c", "a", "b"}, []Node{"c"}, nil},
		{"chain_with_a_hole", chain, Evidence{Found: []Node{"a", "c"}, Seen: []Node{"s"}}, []Node{"c", "a"}, []Node{"c"}, nil},
		{"one_cause_two_effects", fan, Evidence{Found: []Node{"etcd"}, Seen: []Node{"api", "notready"}}, []Node{"etcd"}, []Node{"etcd"}, nil},
		{"better_explanation_first", fan, Evidence{Found: []Node{"dns", "fwd"}, Seen: []Node{"resolve", "cross"}}, []Node{"fwd", "dns"}, []Node{"fwd", "dns"}, nil},
		{"absence_speaks_against", fan, Evidence{Found: []Node{"fwd", "dns"}, Seen: []Node{"resolve"}, Absent: []Node{"cross"}}, []Node{"dns", "fwd"}, []Node{"dns", "fwd"}, nil},
		{"orphan", fan, Evidence{Found: []Node{"dns"}, Seen: []Node{"resolve", "notready"}}, []Node{"dns"}, []Node{"dns"}, []Node{"notready"}},
		{"ring_has_one_root", ring, Evidence{Found: []Node{"a", "b", "c"}}, []Node{"a", "b", "c"}, []Node{"a"}, nil},
		{"nothing_found", fan, Evidence{Seen: []Node{"api"}}, nil, nil, []Node{"api"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := Rank(tt.edges, tt.in)
			var order []Node
			for _, c := range r.Causes {
				order = append(order, c.Node)
			}
			if !slices.Equal(order, tt.order) || !slices.Equal(roots(r), tt.roots) || !slices.Equal(r.Orphans, tt.orphans) {
				t.Errorf("order %v roots %v orphans %v, want %v %v %v", order, roots(r), r.Orphans, tt.order, tt.roots, tt.orphans)
			}
		})
	}
}

func TestConfidence(t *testing.T) {
	edges := []Edge{{From: "x", To: "sure", Strength: .98}, {From: "x", To: "maybe", Strength: .4}, {From: "x", To: "far", Strength: .98, Far: true}}
	for _, tt := range []struct {
		name   string
		seen   []Node
		absent []Node
		lo, hi float64
	}{
		{"nothing_looked_for", nil, nil, Prior - 1e-9, Prior + 1e-9},
		{"sure_effect_seen", []Node{"sure"}, nil, .98, 1},
		{"sure_effect_absent", nil, []Node{"sure"}, 0, .1},
		{"possible_effect_absent", nil, []Node{"maybe"}, .5, .7},
		{"far_effect_absent_says_nothing", nil, []Node{"far"}, Prior - 1e-9, Prior + 1e-9},
		{"far_effect_seen_counts", []Node{"far"}, nil, .98, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Rank(edges, Evidence{Found: []Node{"x"}, Seen: tt.seen, Absent: tt.absent}).Causes[0]
			if c.Confidence < tt.lo || c.Confidence > tt.hi {
				t.Errorf("confidence %v, want %v to %v", c.Confidence, tt.lo, tt.hi)
			}
		})
	}
}

// What lies behind an effect that is known says nothing about the cause.
func TestKnownEffectsHideWhatIsBehind(t *testing.T) {
	edges := []Edge{{From: "x", To: "near", Strength: .98}, {From: "near", To: "late", Strength: .98}, {From: "x", To: "also", Strength: .8}}
	one := Rank(edges, Evidence{Found: []Node{"x"}, Seen: []Node{"near"}}).Causes[0]
	for _, tt := range []struct {
		name string
		e    Evidence
		same bool
	}{
		{"late_effect_absent", Evidence{Seen: []Node{"near"}, Absent: []Node{"late"}}, true},
		{"late_effect_seen", Evidence{Seen: []Node{"near", "late"}}, true},
		{"own_effect_absent", Evidence{Seen: []Node{"near"}, Absent: []Node{"also"}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.e.Found = []Node{"x"}
			got := Rank(edges, tt.e).Causes[0]
			if same := math.Abs(got.Weight-one.Weight) < 1e-9; same != tt.same || got.Confidence < Prior {
				t.Errorf("weight %v, confidence %v; with the near effect alone %v", got.Weight, got.Confidence, one.Weight)
			}
		})
	}
}

func TestBehind(t *testing.T) {
	edges := []Edge{{From: "runtime", To: "down", Strength: .98}, {From: "down", To: "kubelet", Strength: .8}}
	r := Rank(edges, Evidence{Found: []Node{"kubelet", "runtime"}, Seen: []Node{"down"}})
	if got := r.Causes[1]; got.Node != "kubelet" || got.Root || !slices.Equal(got.Behind, []Node{"runtime"}) {
		t.Errorf("got %+v, want kubelet behind runtime", got)
	}
}

// FuzzRank checks that no graph makes a figure that is none, or a hang.
func FuzzRank(f *testing.F) {
	f.Add([]byte("\x01\x02\x80\x02\x03\xff\x03\x01\x10"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var edges []Edge
		for ; len(data) >= 3 && len(edges) < 200; data = data[3:] {
			edges = append(edges, Edge{From: Node(data[0] % 16), To: Node(data[1] % 16), Strength: float64(data[2]) / 200, Far: data[2]%2 == 0})
		}
		all := []Node{"\x00", "\x01", "\x02", "\x03", "\x04"}
		for _, c := range Rank(edges, Evidence{Found: all, Seen: all[3:], Absent: all[:2]}).Causes {
			if math.IsNaN(c.Weight) || c.Confidence < 0 || c.Confidence > Most {
				t.Fatalf("cause %+v", c)
			}
		}
	})
}

func TestPath(t *testing.T) {
	g := NewGraph([]Edge{{From: "a", To: "b", Strength: 1}, {From: "b", To: "c", Strength: 1}, {From: "c", To: "d", Strength: 1}, {From: "a", To: "x", Strength: 1}, {From: "x", To: "d", Strength: 1}})
	all := func(Node) bool { return true }
	for _, tc := range []struct {
		to   Node
		on   func(Node) bool
		want string
	}{
		{"d", all, "[b c d]"},
		{"d", func(n Node) bool { return n != "b" }, "[x d]"},
		{"d", func(Node) bool { return false }, "[]"},
		{"b", func(Node) bool { return false }, "[b]"},
		{"z", all, "[]"},
	} {
		if got := fmt.Sprint(g.Path("a", tc.to, tc.on)); got != tc.want {
			t.Errorf("to %s: %s, want %s", tc.to, got, tc.want)
		}
	}
}
