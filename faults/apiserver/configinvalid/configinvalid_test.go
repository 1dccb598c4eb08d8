package configinvalid

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// What guards the cluster does not go without a word.
func TestWhatIsLost(t *testing.T) {
	const text = "- kube-apiserver\n- --audit-policy-file=/p.yaml\n"
	m := snapshot.Manifest{Text: snapshot.Text{Path: "/m/kube-apiserver.yaml", Content: text, SHA256: op.File{Data: []byte(text)}.Sum()},
		Containers: []snapshot.ManifestContainer{{Command: "kube-apiserver", Program: "kube-apiserver", Flags: []snapshot.Flag{{Name: "audit-policy-file", Value: "/p.yaml", Line: 2, Type: "string"}}}}}
	named := snapshot.NamedFile{Manifest: m.Path, Component: "kube-apiserver", Flag: "audit-policy-file", Path: "/p.yaml", Host: "/p.yaml", Is: "file", Text: &snapshot.Text{}, Error: "no YAML"}
	s := &snapshot.Snapshot{Processes: &snapshot.Processes{}, Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}, Named: []snapshot.NamedFile{named}}}
	plan, err := Fault.Remedy(s, Fault.Detect(s)[0])
	if err != nil || !strings.Contains(plan[0].String(), "nothing is audited") {
		t.Errorf("%v, %v", plan, err)
	}
}
