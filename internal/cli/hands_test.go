package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A repair that somebody undoes while it is looked at: the hand is told of, and
// neither the repair's own writes nor its undo are.
func TestWatchMade(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte("bad\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m := machine.Parts{Files: &machine.Files{}}
	was, err := m.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var steps []step
	r := &repair.Runner{Machine: m, Dir: filepath.Join(dir, "journals"), Settle: 3 * time.Second, Pause: 100 * time.Millisecond}
	r.Follow = func(state string, o op.Op) { steps = append(steps, step{State: state, Line: o.String()}) }
	a := &App{}
	r.Watch = func(n int) func() { return a.watchMade(t.Context(), r, n, func(s step) { steps = append(steps, s) }) }
	undone := false
	res, err := r.Apply(t.Context(), repair.Request{Plan: op.Plan{op.WriteFile{Path: file, Pin: was.Sum(), Data: []byte("good\n"), Mode: 0o644}}}, func(context.Context) (repair.Verdict, string, error) {
		if !undone {
			undone = true
			if out, err := exec.Command("/bin/sh", "-c", "echo bad > "+file+"; true").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		}
		return repair.Same, "it is there again", nil
	})
	if res.Kept || err != nil {
		t.Logf("%+v: %v", res, err) // the undo may find it as it was
	}
	var hands []*guard.Deed
	for _, s := range steps {
		t.Log(s.State, s.Line)
		if s.State == "hand" {
			hands = append(hands, s.Deed)
		}
	}
	if len(hands) != 1 || !hands[0].PutBack || hands[0].Repair != res.Number || hands[0].Hand.PID == os.Getpid() {
		t.Fatalf("%d hands: %+v", len(hands), hands)
	}
	if last := steps[len(steps)-1].State; last == "hand" {
		t.Error("the undo of the repair is told as a hand")
	}
}

// A watch that cannot begin keeps nobody from a repair, and that is said.
func TestWatchMadeFails(t *testing.T) {
	var notes []string
	r := &repair.Runner{Dir: t.TempDir()}
	end := (&App{}).watchMade(t.Context(), r, 7, func(s step) { notes = append(notes, s.State+" "+s.Line) })
	end()
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "note who undoes it is not watched: ") {
		t.Errorf("%q", notes)
	}
}

// An undoer is a worker whose repair is undone by somebody.
type undoer struct {
	worker
	deeds []guard.Deed
}

func (u undoer) apply(_ context.Context, x order, follow func(step)) (repair.Result, error) {
	follow(step{State: "will", Line: "a"})
	follow(step{State: "did", Line: "a"})
	for _, d := range u.deeds {
		follow(step{State: "hand", Deed: &d})
	}
	return repair.Result{Number: 3, Verdict: repair.Healed, Kept: len(u.deeds) < 2, Looks: 1}, nil
}

// What removes the hand is offered, in text and in JSON, and is the hint of a
// repair that was taken back.
func TestOffer(t *testing.T) {
	hand := guard.Hand{Process: proc.Process{PID: 9, Name: "sh", Exe: "/bin/dash", Args: []string{"sh", "-c", "echo x"}, UID: 0, User: "root", LoginUID: -1, Unit: "cron.service"}, Known: true}
	sure := guard.Entry{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 3, Text: "* * * * * root echo x", Sure: true, Fix: "persistence/reapplied"}
	perhaps := guard.Entry{Kind: "timer", Source: "/etc/systemd/system/y.timer", Fix: "persistence/hiddenprocess"}
	bare := guard.Entry{Kind: "at", Source: "/var/spool/cron/atjobs/a", Sure: true}
	deed := func(e ...guard.Entry) guard.Deed {
		return guard.Deed{Kind: "file", What: "/etc/hosts", Did: "changed", Repair: 3, PutBack: true, Hand: hand, Entries: e}
	}
	const first = "klustered fix persistence/reapplied --apply --node docker://n1"
	for _, c := range []struct {
		name   string
		deeds  []guard.Deed
		text   []string
		remove []string
	}{
		{"nobody", nil, nil, nil},
		{"sure, and not perhaps", []guard.Deed{deed(perhaps, sure)}, []string{"put back, at", "sh, process 9 (/bin/dash), as root", "cron.service", "started cron.d /etc/cron.d/x:3", first}, []string{first}},
		{"perhaps", []guard.Deed{deed(perhaps)}, []string{"perhaps timer /etc/systemd/system/y.timer"}, []string{strings.Replace(first, "reapplied", "hiddenprocess", 1)}},
		{"perhaps, with no remedy", []guard.Deed{deed(guard.Entry{Kind: "profile", Source: "/etc/profile.d/x"})}, []string{"No remedy is known for profile /etc/profile.d/x", "explain persistence/reapplied"}, nil},
		{"no remedy", []guard.Deed{deed(bare)}, []string{"No remedy is known", "explain persistence/reapplied"}, nil},
		{"unknown", []guard.Deed{deed()}, []string{"klustered guard watch --node docker://n1"}, nil},
		{"a pod", []guard.Deed{{Kind: "file", What: "/etc/hosts", Did: "changed", Hand: guard.Hand{Process: proc.Process{PID: 7, Name: "sh", UID: 0, LoginUID: -1, Pod: "kube-system/evil-x"}, Known: true}, Entries: []guard.Entry{{Kind: "pod", Source: "kube-system/evil-x", Text: "made again by DaemonSet evil", Sure: true}}}}, []string{"made again by DaemonSet evil", "pod kube-system/evil-x", "klustered get pod evil-x -n kube-system -o yaml --node docker://n1"}, nil},
		{"a static pod", []guard.Deed{{Kind: "file", What: "/etc/hosts", Did: "changed", Hand: guard.Hand{Process: proc.Process{PID: 7, Name: "sh", UID: 0, LoginUID: -1, Pod: "kube-system/evil-x"}, Known: true}, Entries: []guard.Entry{{Kind: "static-pod", Source: "/etc/kubernetes/manifests/evil.yaml", Text: "as long as it is there", Sure: true}}}}, []string{"No remedy is known for static-pod /etc/kubernetes/manifests/evil.yaml"}, nil},
		{"taken back", []guard.Deed{deed(sure), deed(sure)}, []string{first}, []string{first}},
	} {
		var text, lines bytes.Buffer
		a := &App{Out: &text, Err: &bytes.Buffer{}}
		j := &job{fault: "dns/a", place: place{spec: "docker://n1", Part: bundle.Part{Snapshot: &snapshot.Snapshot{Node: "n1"}}}, worker: undoer{deeds: c.deeds}}
		x := &fix{json: json.NewEncoder(&lines)}
		err := a.applyOne(t.Context(), x, j, 0)
		var h *hinted
		if len(c.deeds) > 1 && (!errors.As(err, &h) || !strings.Contains(h.hint, first)) || len(c.deeds) < 2 && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		plain := strings.Join(strings.Fields(text.String()), " ")
		for _, want := range c.text {
			if !strings.Contains(plain, want) {
				t.Errorf("%s: %q is not in\n%s", c.name, want, text.String())
			}
		}
		if len(c.deeds) == 0 && strings.Contains(plain, "put back") {
			t.Errorf("%s:\n%s", c.name, text.String())
		}
		all := strings.Split(strings.TrimSpace(lines.String()), "\n")
		var last fixLine
		if err := json.Unmarshal([]byte(all[len(all)-1]), &last); err != nil || last.Repair == nil || last.Repair.Number != 3 || last.Repair.Changed != len(c.deeds) || !slices.Equal(last.Repair.Remove, c.remove) {
			t.Errorf("%s: %v\n%s", c.name, err, lines.String())
		}
		if len(all) != len(c.deeds)+1 || len(x.hands) != len(c.deeds) {
			t.Errorf("%s: %d lines, %d hands", c.name, len(all), len(x.hands))
		}
	}
}

// A hand that an agent tells of comes across with all that names it.
func TestHandAcross(t *testing.T) {
	d := guard.Deed{Kind: "file", What: "/etc/hosts", Did: "changed", Repair: 3, PutBack: true, Entries: []guard.Entry{{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 3, Sure: true, Fix: "persistence/reapplied"}},
		Hand: guard.Hand{Process: proc.Process{PID: 9, PPID: 8, Name: "sh", Args: []string{"sh", "-c", "x"}, UID: 0, User: "root", LoginUID: -1}, Known: true, Lineage: []proc.Process{{PID: 8, Name: "cron", Unit: "cron.service"}}}}
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	for _, x := range []answer{{Step: &step{State: "did", Line: "a"}}, {Step: &step{State: "hand", Line: d.String(), Deed: &d}}, {Result: json.RawMessage(`{"number":3,"kept":true}`)}} {
		if err := e.Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	var got []step
	var res repair.Result
	failed, answered, err := readAnswers(&lines, &res, func(s step) { got = append(got, s) })
	if failed != nil || !answered || err != nil || res.Number != 3 || len(got) != 2 {
		t.Fatalf("%v %v %v: %+v, %+v", failed, answered, err, res, got)
	}
	if !reflect.DeepEqual(got[1].Deed, &d) {
		t.Errorf("%+v", got[1].Deed)
	}
}
