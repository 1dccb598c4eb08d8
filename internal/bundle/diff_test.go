package bundle

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

func TestDiff(t *testing.T) {
	a, b := sample(), sample()
	if got := Diff(a, b, true); len(got) != 0 {
		t.Fatalf("equal snapshots differ: %+v", got)
	}
	a.Host.Mounts = []snapshot.Mount{{Target: "/a", Options: "rw"}, {Target: "/b"}}
	b.Host.Mounts = []snapshot.Mount{{Target: "/c"}, {Target: "/a", Options: "ro"}}
	b.Host.Sysctls = map[string]string{"net.ipv4.ip_forward": "0"}
	b.PKI = &snapshot.PKI{}
	a.Kubelet = &snapshot.Kubelet{Config: &snapshot.Text{Path: "/k", SHA256: "1", Content: "x: 1\ny: 2\n", Mode: 0o600}}
	b.Kubelet = &snapshot.Kubelet{Config: &snapshot.Text{Path: "/k", SHA256: "2", Content: "x: 1\ny: 3\n", Mode: 0o644}}
	b.Host.Load = []float64{9, 9, 9}
	want := map[string][2]string{
		"host mounts[/a].options":           {`"rw"`, `"ro"`},
		"host mounts[/b]":                   {"{", ""},
		"host mounts[/c]":                   {"", "{"},
		"host sysctls[net.ipv4.ip_forward]": {`"1"`, `"0"`},
		"pki ":                              {"", "{"},
		"kubelet config":                    {`"1"`, `"2"`},
		"kubelet config.mode":               {"384", "420"},
	}
	for _, c := range Diff(a, b, false) {
		key := string(c.Section) + " " + c.Path
		w, ok := want[key]
		if !ok || !strings.HasPrefix(c.Old, w[0]) || !strings.HasPrefix(c.New, w[1]) || (c.Old == "") != (w[0] == "") || (c.New == "") != (w[1] == "") {
			t.Errorf("%s: %q to %q, want %q", key, c.Old, c.New, w)
		}
		if c.Path == "config" && !strings.Contains(c.Text, "-y: 2\n+y: 3\n") {
			t.Errorf("the text's difference is %q", c.Text)
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	if got := Diff(a, b, true); len(got) <= 7 {
		t.Error("all leaves out what changes by itself")
	}
}

func TestDiffTellsTwinsApart(t *testing.T) {
	a, b := sample(), sample()
	a.Processes = &snapshot.Processes{List: []snapshot.Process{{PID: 7, Exe: "/x", Args: []string{"x", "1"}}}}
	b.Processes = &snapshot.Processes{List: []snapshot.Process{{PID: 8, Exe: "/x", Args: []string{"x", "1"}}, {PID: 9, Exe: "/x", Args: []string{"x", "1"}}}}
	got := Diff(a, b, false)
	if len(got) != 1 || got[0].Path != "list[/x x 1#2]" || got[0].Old != "" {
		t.Errorf("got %+v", got)
	}
}

func TestDiffPassesOverWhatChangesByItself(t *testing.T) {
	a, b := sample(), sample()
	a.Processes = &snapshot.Processes{List: []snapshot.Process{{Name: ".klustered-1f", Exe: "/run/.klustered-1f"}}}
	b.Processes = &snapshot.Processes{List: []snapshot.Process{{Name: ".klustered-2e", Exe: "/run/.klustered-2e"}}}
	a.Network = &snapshot.Network{Rules: []snapshot.FilterRule{{Table: "t", Text: "counter packets 1 bytes 2 drop", Packets: 1}}}
	b.Network = &snapshot.Network{Rules: []snapshot.FilterRule{{Table: "t", Text: "counter packets 7 bytes 9 drop", Packets: 7}}}
	if got := Diff(a, b, false); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	b.Network.Rules[0].Text = "counter packets 7 bytes 9 accept"
	if got := Diff(a, b, false); len(got) == 0 {
		t.Error("another verdict is passed over")
	}
}

// An element that is named by all that it is would be another one as soon as
// what changes by itself has changed.
func TestWhatMovesIsNamed(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type, bool)
	visit = func(x reflect.Type, listed bool) {
		for x.Kind() == reflect.Pointer {
			x = x.Elem()
		}
		switch {
		case x.Kind() == reflect.Slice || x.Kind() == reflect.Map:
			visit(x.Elem(), x.Kind() == reflect.Slice)
			return
		case x.Kind() != reflect.Struct || x == reflect.TypeFor[time.Time]():
			return
		}
		e := reflect.New(x).Elem()
		moves := false
		for i := range x.NumField() {
			moves = moves || x.Field(i).Tag.Get("diff") == "-"
			if x.Field(i).IsExported() && !seen[x] {
				defer visit(x.Field(i).Type, false)
			}
		}
		if listed && moves && len(nameParts(e)) == 0 {
			t.Errorf("%s has fields that change by themselves, and none that names it: tag one diff:%q", x, "key")
		}
		seen[x] = true
	}
	visit(reflect.TypeFor[snapshot.Snapshot](), false)
}
