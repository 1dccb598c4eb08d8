package flagunknown

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// A flag that keeps someone out is not taken away for a slip in its value.
func TestGuards(t *testing.T) {
	for name, want := range map[string]bool{"profiling": true, "anonymous-auth": false, "audit-log-maxage": false, "goaway-chance": true} {
		text := "- kube-apiserver\n- --" + name + "=flase\n"
		c := snapshot.ManifestContainer{Command: "kube-apiserver", Program: "kube-apiserver", FlagTable: &snapshot.FlagTable{Table: "v1.37", Exact: true},
			Flags: []snapshot.Flag{{Name: name, Value: "flase", Line: 2, Type: "bool", Problem: "is no bool"}}}
		m := snapshot.Manifest{Text: snapshot.Text{Path: "/m/kube-apiserver.yaml", Content: text, SHA256: op.File{Data: []byte(text)}.Sum()}, Containers: []snapshot.ManifestContainer{c}}
		s := &snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}}}
		if _, err := remedy(s, finding.Finding{Subject: manifest.Part{File: m, Container: c}.Subject(name)}); (err == nil) != want {
			t.Errorf("--%s: %v", name, err)
		}
	}
}
