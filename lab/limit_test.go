package lab

import (
	"errors"
	"strings"
	"testing"
)

func TestEnoughInotify(t *testing.T) {
	only := func(left int) func(int) int { return func(most int) int { return min(left, most) } }
	one := Config{ControlPlanes: 1, Workers: 1}
	if err := enoughInotify(one, only(43)); err != nil {
		t.Errorf("a lab that fits is refused: %v", err)
	}
	err := enoughInotify(one, only(42))
	var refused *Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "42 left") || !strings.Contains(refused.Hint, "sysctl") {
		t.Errorf("got %v, want an error with a hint", err)
	}
}

func TestInotifyFreeGivesBackWhatItTakes(t *testing.T) {
	for range 50 {
		if got := inotifyFree(2); got > 2 {
			t.Fatalf("got %d of 2", got)
		}
	}
	if got := inotifyFree(0); got != 0 {
		t.Errorf("got %d of 0", got)
	}
}
