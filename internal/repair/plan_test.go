package repair

import (
	"errors"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// planned is a fault whose remedy is plan.
func planned(id string, plan ...op.Op) *fault.Fault {
	return &fault.Fault{ID: id, Runbook: "# " + id + " is broken\n", Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) {
		if plan == nil {
			return nil, errors.New("cannot repair it: nobody knows how")
		}
		return plan, nil
	}}
}

func lines(p op.Plan) string {
	var all []string
	for _, o := range p {
		all = append(all, o.String())
	}
	return strings.Join(all, "; ")
}

func TestPropose(t *testing.T) {
	restart := op.Unit{Verb: "restart", Name: "kubelet.service"}
	a := op.RemoveFile{Path: "/a", Pin: "1"}
	b := op.RemoveFile{Path: "/b", Pin: "1"}
	faults := []*fault.Fault{
		planned("x/first", a, op.ReloadUnits{}, restart),
		planned("x/second", a, b, op.ReloadUnits{}, restart),
		planned("x/third", op.WriteFile{Path: "/b", Pin: "2"}),
		planned("x/none"), {ID: "x/manual", Runbook: "# by hand\n"},
		{ID: "x/empty", Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return nil, nil }},
	}
	var found []finding.Finding
	for _, id := range []string{"x/first", "x/second", "x/third", "x/none", "x/manual", "x/empty", "x/unknown"} {
		found = append(found, finding.Finding{Fault: id})
	}
	p := Propose(&snapshot.Snapshot{Node: "n1"}, faults, found)
	if got, want := lines(p.Plan), "remove /a; remove /b; make systemd read its unit files again; restart kubelet.service"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if p.Title != "x/first is broken, and 1 more" || p.Node != "n1" || len(p.Faults) != 2 {
		t.Errorf("got %+v", p)
	}
	for i, want := range []string{"", "", "both change /b", "nobody knows", "no safe repair", "nothing to do", "does not know"} {
		if got := p.Parts[i].Refused; (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: refused %q, want %q", found[i].Fault, got, want)
		}
	}
}

// TestProposeOneAfterTheOther: of two faults that change one thing, however
// each says it, the second waits: its pin would not hold after the first.
func TestProposeOneAfterTheOther(t *testing.T) {
	over := op.Mount{Path: "/etc/cni/net.d", Type: "tmpfs", Source: "tmpfs", Root: "/"}
	at := op.LinkPlace{Link: "eth0"}
	rule := op.FilterRule{Sum: "1", Handle: 7}
	route := op.Route{Kind: "route", Text: "blackhole 10.0.0.0/8"}
	cron := op.Process{PID: 140, Exe: "/usr/sbin/cron"}
	for _, two := range [][2]op.Op{
		{op.Unmount{Mount: over, Why: "it hides"}, op.Unmount{Mount: over, Why: "it is read-only"}},
		{op.Sysctl{Name: "vm.swappiness", Old: "0", New: "1"}, op.Sysctl{Name: "vm/swappiness", Old: "0", New: "2"}},
		{op.SetLink{At: at, OldMTU: 900, NewUp: true, NewMTU: 900}, op.SetLink{At: at, OldMTU: 900, NewMTU: 1500}},
		{op.DeleteRule{Rule: rule, Why: "it ends packets"}, op.DeleteRule{Rule: rule, Why: "it turns them aside"}},
		{op.DeleteRoute{Route: route, Why: "a"}, op.DeleteRoute{Route: route, Why: "b"}},
		{op.Signal{Process: cron}, op.Signal{Process: cron, Stop: true}},
		{op.Freeze{Group: "/g"}, op.Freeze{Group: "/g", Frozen: true}},
		{op.DeleteFilter{Sum: "1", Why: "a"}, op.DeleteFilter{Sum: "1", Why: "b"}},
	} {
		faults := []*fault.Fault{planned("x/first", two[0]), planned("x/second", two[1])}
		p := Propose(&snapshot.Snapshot{}, faults, []finding.Finding{{Fault: "x/first"}, {Fault: "x/second"}})
		if len(p.Plan) != 1 || !strings.Contains(p.Parts[1].Refused, "both change") {
			t.Errorf("%s: %d ops, refused %q", two[0], len(p.Plan), p.Parts[1].Refused)
		}
	}
}

func TestLook(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	hosts, err := m.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	admin, err := m.ReadFile("/etc/kubernetes/admin.conf")
	if err != nil {
		t.Fatal(err)
	}
	all, err := Look(t.Context(), m, op.Plan{
		op.WriteFile{Path: "/etc/hosts", Pin: hosts.Sum(), Data: []byte("127.0.0.1 localhost\n172.20.0.2 other\n"), Mode: 0o644},
		op.RemoveFile{Path: "/etc/kubernetes/admin.conf", Pin: admin.Sum()},
		op.WriteFile{Path: "/etc/new", Data: []byte("x\n"), Mode: 0o644},
		op.Chmod{Path: "/etc/new", Old: 0o644, New: 0o600},
		op.EtcdCompact{},
		op.WriteFile{Path: "/opt/bin", Data: []byte("\x7fELF\x00\x01"), Mode: 0o755},
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := all[0].Diff; !strings.Contains(d, "-172.20.0.2 cp1\n+172.20.0.2 other\n") {
		t.Errorf("diff:\n%s", d)
	}
	if d := all[1].Diff; !strings.Contains(d, "-kind: Config") || strings.Contains(d, "client-key-data: L") {
		t.Errorf("a key is shown, or nothing:\n%s", d)
	}
	if all[3].Error != "" {
		t.Errorf("an op on a file that an earlier one makes: %s", all[3].Error)
	}
	if all[4].Risk != op.EtcdMaintenance || all[4].OneWay == "" {
		t.Errorf("got %+v", all[4])
	}
	if !strings.Contains(all[5].Diff, "no text") {
		t.Errorf("got %q", all[5].Diff)
	}
	all, err = Look(t.Context(), m, op.Plan{op.RemoveFile{Path: "/etc/hosts", Pin: "0"}, op.PatchObject{Path: "/none", Patch: []byte("{}")}})
	if !errors.Is(err, op.ErrChanged) || all[0].Error == "" || all[1].Error == "" {
		t.Errorf("got %+v, %v", all, err)
	}
	if got := m.State(); len(got) != len(start) {
		t.Error("a look changed the machine")
	}
}
