package signing

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

// TestOfAnotherMaker has the pairs lie where kubeadm does not put them: then
// the key beside the certificate is the one that belongs to it.
func TestOfAnotherMaker(t *testing.T) {
	pki := &snapshot.PKI{
		Certificates: []snapshot.Certificate{{Path: "/p/one.pem", SPKI: "a"}, {Path: "/p/two.pem", SPKI: "b"}, {Path: "/q/three.pem", SPKI: "c"}},
		Keys:         []snapshot.Key{{Path: "/p/one.key", SPKI: "a"}, {Path: "/p/two.key", SPKI: "b"}, {Path: "/q/other.key", SPKI: "c"}},
	}
	for what, tc := range map[string]struct {
		cert, key, want string
	}{
		"a pair":                             {"/p/one.pem", "/p/one.key", ""},
		"a pair of other names":              {"/q/three.pem", "/q/other.key", ""},
		"another's key":                      {"/p/one.pem", "/p/two.key", "/p/one.key"},
		"no key lies beside the certificate": {"/q/three.pem", "/p/two.key", ""},
		"a key that nothing is known of":     {"/p/one.pem", "/p/none.key", ""},
	} {
		flags := []snapshot.Flag{{Name: "cluster-signing-cert-file", Value: tc.cert}, {Name: "cluster-signing-key-file", Value: tc.key}}
		m := snapshot.Manifest{Containers: []snapshot.ManifestContainer{{Command: "kube-controller-manager", Flags: flags}}}
		got := check(&snapshot.Snapshot{PKI: pki, Static: &snapshot.Static{Manifests: []snapshot.Manifest{m}}})
		if tc.want == "" && len(got) != 0 || tc.want != "" && (len(got) != 1 || got[0].Want != tc.want) {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
