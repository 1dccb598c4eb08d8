package missing

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// What the kubelet finds in its folder it runs as root: a file that another
// user has put into /tmp is no manifest of the node's.
func TestWhoseManifest(t *testing.T) {
	for what, tc := range map[string]struct {
		uid, mode uint32
		want      bool
	}{
		"root's":               {0, 0o600, true},
		"root's, for all":      {0, 0o644, true},
		"a user's":             {1000, 0o600, false},
		"everybody may write":  {0, 0o666, false},
		"its group may, too":   {0, 0o664, false},
		"root's, not to write": {0, 0o400, true},
	} {
		text := snapshot.Text{Path: "/tmp/kube-scheduler.yaml", UID: tc.uid, Mode: tc.mode, Content: "x", SHA256: op.File{Data: []byte("x")}.Sum()}
		s := &snapshot.Snapshot{Static: &snapshot.Static{Dir: usual, Beside: []snapshot.Manifest{{Text: text, Name: "kube-scheduler"}}}}
		if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Kind: "file", Name: usual + "/kube-scheduler.yaml"}}); (err == nil) != tc.want {
			t.Errorf("%s: %v", what, err)
		}
	}
}
