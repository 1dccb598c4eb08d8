package progress

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTextWritesOneLineAStep(t *testing.T) {
	var out bytes.Buffer
	clock := time.Unix(1000, 0)
	text := NewText(&out, false)
	text.start, text.now = clock, func() time.Time { return clock }

	build := text.Start("build node image")
	boot := text.Start("boot")
	clock = clock.Add(1500 * time.Millisecond)
	build(nil)
	clock = clock.Add(time.Second)
	boot(errors.New("no"))

	want := "  [   1.5s] build node image: done in 1.5s\n  [   2.5s] boot: FAILED in 2.5s\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTextShowsWhatIsAwaitedOnATerminal(t *testing.T) {
	var out bytes.Buffer
	text := NewText(&out, true)
	done := text.Start("kubeadm init")
	if !strings.Contains(out.String(), "waiting for kubeadm init (0.0s)") {
		t.Errorf("no waiting line in %q", out.String())
	}
	done(nil)
	if !strings.HasSuffix(out.String(), "\n") {
		t.Errorf("the last line is not ended: %q", out.String())
	}
}

func TestDoPassesTheError(t *testing.T) {
	want := errors.New("broken")
	if got := Do(Or(nil), "x", func() error { return want }); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
