package all_test

import (
	"os"
	"path"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/faults/all"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/snapshot"
)

// TestHiddenFolder lays an empty mount over folders of the node: what they
// hold is missing to everybody, and nothing of it is to be written again into
// the mount.
func TestHiddenFolder(t *testing.T) {
	for _, dir := range []string{"/etc/cni/net.d", "/opt/cni/bin", "/etc/containerd", "/etc/kubernetes", "/etc/kubernetes/pki", "/var/lib/kubelet"} {
		m := faulttest.New(t)
		beneath, err := os.ReadDir(path.Join(m.Root, dir))
		if err != nil || len(beneath) == 0 {
			t.Fatalf("%s: %d entries, %v", dir, len(beneath), err)
		}
		for _, e := range beneath {
			if err := os.RemoveAll(path.Join(m.Root, dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
		s := m.Snapshot()
		s.View.Over = append(s.View.Over, snapshot.OverMount{
			Mount: snapshot.Mount{Source: "tmpfs", Root: "/", Target: dir, FSType: "tmpfs", Options: "rw"}, Kind: "folder", Late: true, Differs: true,
			Shown: &snapshot.Look{Type: "folder"}, Beneath: &snapshot.Look{Type: "folder", Count: len(beneath)},
		})
		d := diagnose.Run([]*snapshot.Snapshot{s}, all.Faults)
		if len(d.Causes) != 1 || d.Causes[0].Fault.ID != "host/overmounted" || len(d.Unexplained())+len(d.Forecast) > 0 {
			t.Errorf("a mount over %s:\n%s", dir, told(d))
		}
	}
}
