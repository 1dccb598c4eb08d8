package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/guard/proc"
)

// What was changed is exit code 2; events that were lost and nothing else is no
// zero.
func TestGuardExit(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []guardLine
		code  int
	}{
		{"nothing", []guardLine{{Began: "x"}, {Summary: &guard.Summary{Watched: 1}}}, 0},
		{"a deed", []guardLine{{Deed: &guard.Deed{}}, {Summary: &guard.Summary{Deeds: 1}}}, diagnose.ExitCauses},
		{"others' changes", []guardLine{{Summary: &guard.Summary{Others: 4, Ordinary: 3, Own: 1}}}, 0},
		{"lost", []guardLine{{Summary: &guard.Summary{Lost: 1}}}, diagnose.ExitIncomplete},
		{"a deed, and lost", []guardLine{{Deed: &guard.Deed{}}, {Summary: &guard.Summary{Lost: 1}}}, diagnose.ExitCauses},
	} {
		var out bytes.Buffer
		tell := guardTeller{app: &App{Out: &out, Err: &out}, output: "text"}
		for _, l := range c.lines {
			if err := tell.tell("local", l); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		var code exitCode
		if errors.As(tell.exit(), &code); int(code) != c.code {
			t.Errorf("%s: %d\n%s", c.name, code, out.String())
		}
	}
}

// Who may have done it is listed and not named.
func TestGuardCandidates(t *testing.T) {
	var out bytes.Buffer
	tell := guardTeller{app: &App{Out: &out}, output: "text"}
	p := proc.Process{PID: 41, Name: "systemctl", Args: []string{"systemctl", "stop", "kubelet"}, UID: 0, User: "root", LoginUID: -1}
	q := proc.Process{PID: 42, Name: "systemctl", Args: []string{"systemctl", "kill", "kubelet"}, UID: 0, User: "root", LoginUID: -1}
	d := guard.Deed{Kind: "unit", What: "kubelet.service", Did: "is inactive, was active", Hand: guard.Hand{Process: proc.Process{UID: -1, LoginUID: -1}, Note: "it may be each of several", Candidates: []proc.Process{p, q}}}
	if err := tell.tell("local", guardLine{Deed: &d}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{"systemctl, process 41, as root: systemctl stop kubelet", "process 42", "perhaps"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\n  by ") {
		t.Errorf("one is named:\n%s", text)
	}
}

// The agent watches what it is ordered to, tells of a change, and ends with its
// input.
func TestAgentGuard(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, []byte("good\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	order, err := json.Marshal(guardOrder{Paths: []string{file}, For: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	in, stop := sentOrder(append(order, '\n'), true)
	defer stop()
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	a := &App{In: in, Out: w, Err: os.Stderr}
	c := a.agentGuard()
	c.SetArgs(nil)
	ended := make(chan error, 1)
	go func() {
		err := c.ExecuteContext(t.Context())
		w.Close()
		ended <- err
	}()
	var deeds []guard.Deed
	var summary *guard.Summary
	for d := json.NewDecoder(out); ; {
		var l guardLine
		if d.Decode(&l) != nil {
			break
		}
		switch {
		case l.Error != nil:
			t.Fatal(l.Error)
		case l.Began != "":
			if out, err := exec.Command("/bin/sh", "-c", "echo bad > "+file+"; true").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		case l.Deed != nil:
			deeds = append(deeds, *l.Deed)
			stop()
		case l.Summary != nil:
			summary = l.Summary
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if len(deeds) != 1 || deeds[0].What != file || summary == nil || summary.Deeds != 1 {
		t.Errorf("%+v, %+v", deeds, summary)
	}
}

// A watch that nobody listens to ends.
func TestGuardUnheard(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("fanotify needs root")
	}
	full := errors.New("no space left")
	begun := time.Now()
	err := (&App{}).guardHere(t.Context(), guardOrder{Paths: []string{t.TempDir()}, For: time.Minute}, func(l guardLine) error {
		if l.Began != "" {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || time.Since(begun) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
}
