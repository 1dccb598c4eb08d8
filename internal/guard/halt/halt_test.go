package halt

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestHalt: a wait ends when it is stopped, now and always; stopping again
// closes nobody else's file.
func TestHalt(t *testing.T) {
	h, err := New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	time.AfterFunc(50*time.Millisecond, h.Stop)
	if err := h.Wait(other.read); !errors.Is(err, ErrHalted) {
		t.Errorf("%v", err)
	}
	if err := h.Wait(other.read); !errors.Is(err, ErrHalted) {
		t.Errorf("again: %v", err)
	}
	again, err := New() // takes the number that is free
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	h.Stop()
	if _, err := unix.FcntlInt(uintptr(again.write), unix.F_GETFD, 0); err != nil {
		t.Errorf("a second stop has closed another's file: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	fds := [2]int{}
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	unix.Close(fds[1]) // its end can be read
	if err := other.Wait(fds[0]); err != nil {
		t.Errorf("what can be read: %v", err)
	}
}
