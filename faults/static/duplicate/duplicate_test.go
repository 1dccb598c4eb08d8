package duplicate

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// A second scheduler with a name and a port of its own has just started, as
// after every boot: it is nobody's copy, and not for a fix to remove.
func TestSecondScheduler(t *testing.T) {
	pod := func(name string, flags ...snapshot.Flag) snapshot.Manifest {
		return snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + name + ".yaml"}, Name: name, Namespace: "kube-system",
			Containers: []snapshot.ManifestContainer{{Name: name, Command: "kube-scheduler", Flags: flags}}}
	}
	for port, want := range map[string]int{"10259": 1, "11259": 0} {
		second := pod("my-scheduler", snapshot.Flag{Name: "secure-port", Value: port})
		s := &snapshot.Snapshot{Processes: &snapshot.Processes{}, Static: &snapshot.Static{Manifests: []snapshot.Manifest{pod("kube-scheduler"), second}}}
		if got := detect(s); len(got) != want {
			t.Errorf("at port %s: %+v", port, got)
		}
	}
}
