package snapshot

import (
	"testing"
	"time"
)

func TestLooping(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	failed := &Termination{ExitCode: 2, At: at.Add(-20 * time.Second)}
	for what, tc := range map[string]struct {
		c    PodContainer
		want bool
	}{
		"waits for its next start":   {PodContainer{State: "waiting", Reason: "CrashLoopBackOff"}, true},
		"is being made":              {PodContainer{State: "waiting", Reason: "ContainerCreating"}, false},
		"has failed again":           {PodContainer{State: "terminated", ExitCode: 2, Restarts: 1, Last: failed}, true},
		"has failed once":            {PodContainer{State: "terminated", ExitCode: 2}, false},
		"is done":                    {PodContainer{State: "terminated", Restarts: 1, Last: failed}, false},
		"an init container":          {PodContainer{Init: true, State: "terminated", ExitCode: 2, Restarts: 1, Last: failed}, false},
		"runs for a moment":          {PodContainer{State: "running", Restarts: 2, Last: failed}, true},
		"runs, and is ready":         {PodContainer{State: "running", Ready: true, Restarts: 2, Last: failed}, false},
		"was started again long ago": {PodContainer{State: "running", Restarts: 9, Last: &Termination{ExitCode: 2, At: at.Add(-time.Hour)}}, false},
		"was started again once":     {PodContainer{State: "running", Restarts: 1, Last: failed}, false},
		"was ended, as it was to be": {PodContainer{State: "running", Restarts: 2, Last: &Termination{At: at}}, false},
	} {
		if got := tc.c.Looping(at); got != tc.want {
			t.Errorf("%s: %v", what, got)
		}
	}
}
