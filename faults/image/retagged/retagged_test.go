package retagged

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

var start = time.Date(2026, 1, 1, 4, 0, 0, 0, time.UTC)

// attempt is one container of one pod that ran for so long; 0 of one that runs.
func attempt(n int, image, id string, ran time.Duration) snapshot.Container {
	c := snapshot.Container{ID: id, Sandbox: "s", Namespace: "shop", Pod: "cart", UID: "u", Name: "main", Image: image, ImageID: id, Attempt: n, State: "exited", ExitCode: 128, Reason: "StartError", Started: start, Finished: start.Add(ran)}
	if ran == 0 {
		c.State, c.Finished = "running", time.Time{}
	}
	return c
}

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Runtime.Containers = append(m.World.Runtime.Containers, attempt(0, "a.io/x:1", "sha256:1", time.Hour), attempt(1, "a.io/x:1", "sha256:2", time.Second))
	}))
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		list  []snapshot.Container
		found bool
	}{
		"runs":                     {[]snapshot.Container{attempt(0, "a.io/x:1", "1", 0)}, false},
		"restarted":                {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Hour), attempt(1, "a.io/x:1", "1", 0)}, false},
		"crashes with one image":   {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Hour), attempt(1, "a.io/x:1", "1", time.Second)}, false},
		"runs with the new one":    {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Hour), attempt(1, "a.io/x:1", "2", 0)}, false},
		"crashed, and runs now":    {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Hour), attempt(1, "a.io/x:1", "2", time.Second), attempt(2, "a.io/x:1", "2", 0)}, false},
		"the pod has another name": {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Hour), attempt(1, "a.io/x:2", "2", time.Second)}, false},
		"both crash":               {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Second), attempt(1, "a.io/x:1", "2", time.Second)}, false},
		"the new one fails":        {[]snapshot.Container{attempt(0, "a.io/x:1", "1", time.Hour), attempt(1, "a.io/x:1", "2", time.Second)}, true},
	} {
		s := &snapshot.Snapshot{Runtime: &snapshot.Runtime{Socket: "/run/x", Containers: tc.list}}
		if found := detect(s); (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
	}
}
