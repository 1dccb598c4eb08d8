package frontproxy

import (
	"bytes"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const dir = "/etc/kubernetes/pki/front-proxy-"

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const api = "/etc/kubernetes/manifests/kube-apiserver.yaml"
		f, err := m.ReadFile(api)
		if err != nil {
			t.Fatal(err)
		}
		const flag = "    - --secure-port"
		f.Data = bytes.Replace(f.Data, []byte(flag), []byte("    - --proxy-client-cert-file="+dir+"client.crt\n    - --proxy-client-key-file="+dir+
			"client.key\n    - --requestheader-client-ca-file="+dir+"ca.crt\n    - --requestheader-allowed-names=front-proxy-client\n"+flag), 1)
		if err := m.WriteFile(api, f); err != nil {
			t.Fatal(err)
		}
		cert, key, err := m.IssueCertificate(t.Context(), op.IssueCertificate{CACert: dir + "ca.crt", CAKey: dir + "ca.key", Name: "aggregator", Client: true})
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{dir + "client.crt": cert, dir + "client.key": key} {
			if err := m.WriteFile(name, op.File{Data: data, Mode: 0o600}); err != nil {
				t.Fatal(err)
			}
		}
	}))
}

func TestAnyNameIsTaken(t *testing.T) {
	edge := snapshot.Edge{Client: "kube-apiserver", Server: "aggregated", Checks: snapshot.EdgeClient, Cert: "/c", Signed: snapshot.Yes}
	for answer, want := range map[snapshot.Answer]int{snapshot.Yes: 0, snapshot.No: 1, "": 0} {
		edge.Allowed = answer
		if got := detect(&snapshot.Snapshot{PKI: &snapshot.PKI{Edges: []snapshot.Edge{edge}}}); len(got) != want {
			t.Errorf("allowed %q: %+v", answer, got)
		}
	}
}
