package guard

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/guard/proc"
)

// TestUnit: a unit whose state changes is told of, with the command that asked
// for it.
func TestUnit(t *testing.T) {
	w := &Watch{raw: make(chan Deed, 8), ring: proc.NewRing("")}
	state := unitState{active: "active", run: "1"}
	known := map[string]unitLook{}
	look := func() *Deed {
		w.unit(t.Context(), Target{Kind: "unit", Name: "kubelet.service", Repair: 2, Undo: "inactive"}, known, func(context.Context, string) (unitState, error) { return state, nil })
		select {
		case d := <-w.raw:
			return &d
		default:
			return nil
		}
	}
	for _, c := range []struct {
		name, active, run, did string
		putBack                bool
	}{
		{"first", "active", "1", "", false},
		{"on its way", "deactivating", "1", "", false},
		{"stopped", "inactive", "1", "is inactive, was active", true},
		{"the same", "inactive", "1", "", false},
		{"started", "active", "2", "is active, was inactive", false},
		{"restarted between two looks", "active", "3", "was restarted", false},
		{"begun again by systemd", "active", "3+1", "", false},
		{"failed", "failed", "3+1", "is failed, was active", false},
	} {
		state = unitState{c.active, c.run, state.again}
		if strings.HasSuffix(c.run, "+1") {
			state.again++
		}
		d := look()
		if (d == nil) != (c.did == "") || d != nil && (d.Did != c.did || d.PutBack != c.putBack || d.Repair != 2 || d.Hand.Known || d.Hand.Note == "") {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
}

func TestAsks(t *testing.T) {
	for _, c := range []struct {
		line string
		stop bool
	}{
		{"systemctl stop kubelet", true},
		{"systemctl --no-block stop kubelet.service containerd", true},
		{"/bin/systemctl restart kubelet", true},
		{"systemctl status kubelet", false},
		{"systemctl is-active kubelet", false},
		{"systemctl start kubelet", false},
		{"systemctl stop kubelet-x", false},
		{"/bin/sh /usr/sbin/service kubelet stop", true},
		{"/bin/sh /etc/init.d/kubelet stop", true},
		{"busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StopUnit ss kubelet.service replace", true},
		{"dbus-send --system --dest=org.freedesktop.systemd1 /x org.freedesktop.systemd1.Manager.StopUnit string:kubelet.service string:replace", true},
		{"grep stop kubelet", false},
		{"systemctl", false},
		{"", false},
	} {
		if got := asks(strings.Fields(c.line), "kubelet.service", stops); got != c.stop {
			t.Errorf("%q: %v", c.line, got)
		}
	}
}

// TestUnitHand: of commands that ran then the one that fits is named; of several
// that fit none is, and all are listed.
func TestUnitHand(t *testing.T) {
	w := &Watch{ring: proc.NewRing("")}
	const systemctl = "/usr/bin/systemctl"
	run := func(args ...string) int {
		c := exec.Command("/bin/sh") // under another name, which waits for its input
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		c.Args = append([]string{systemctl, "-c", "read x"}, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { in.Close(); c.Wait() })
		time.Sleep(100 * time.Millisecond)
		w.ring.Exec(c.Process.Pid, "")
		return c.Process.Pid
	}
	since := time.Now().Add(-time.Minute)
	run("status", "5.service")
	if h := w.unitHand("5.service", stops, since); h.Known || len(h.Candidates) != 0 || h.Note == "" {
		t.Errorf("who only looked is named: %+v", h)
	}
	first := run("stop", "5.service")
	run("status", "5.service")
	if h := w.unitHand("5.service", stops, since); !h.Known || h.PID != first || len(h.Lineage) == 0 {
		t.Errorf("%+v", h)
	}
	second := run("kill", "5.service")
	h := w.unitHand("5.service", stops, since)
	if h.Known || h.PID != 0 || len(h.Candidates) != 2 || h.Candidates[0].PID != second && h.Candidates[0].PID != first {
		t.Errorf("one of two is named: %+v", h)
	}
	if h := w.unitHand("6.service", stops, since); h.Known {
		t.Errorf("%+v", h)
	}
	if h := w.unitHand("5.service", stops, time.Now().Add(time.Minute)); h.Known || len(h.Candidates) > 0 {
		t.Errorf("one of before: %+v", h)
	}
}
