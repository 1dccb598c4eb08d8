package certificate

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		if err := m.WriteFile("/var/lib/kubelet/pki/kubelet-client-current.pem", op.File{Link: "/var/lib/kubelet/pki/kubelet-client-2025-01-01-03-00-30.pem", Mode: 0o777}); err != nil {
			t.Fatal(err)
		}
	}))
}

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// with is a node whose kubelet goes by a certificate that f has changed.
func with(f func(u *snapshot.KubeconfigUser, s *snapshot.Snapshot)) *snapshot.Snapshot {
	u := snapshot.KubeconfigUser{Name: "u", CertFile: "/p/kubelet-client-current.pem", KeyFile: "/p/kubelet-client-current.pem", Pair: snapshot.Yes,
		Cert: &snapshot.Certificate{Path: "/p/kubelet-client-current.pem", Subject: "CN=system:node:n,O=system:nodes", CN: "system:node:n", Orgs: []string{"system:nodes"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}}
	s := &snapshot.Snapshot{Node: "n", At: now, Kubelet: &snapshot.Kubelet{Kubeconfig: "/k"}, Logs: &snapshot.Logs{}, PKI: &snapshot.PKI{Files: []snapshot.PEMFile{{Path: u.CertFile, Certificates: 1, Keys: 1}}}}
	f(&u, s)
	s.Kubeconfigs = &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Text: snapshot.Text{Path: "/k"}, Current: "c", Users: []snapshot.KubeconfigUser{u}, Contexts: []snapshot.KubeconfigContext{{Name: "c", User: "u"}}}}}
	return s
}

func refuse(s *snapshot.Snapshot) {
	s.Logs.Observations = []snapshot.Observation{{ID: "unauthorized", Source: "journal:kubelet.service", Sample: "Unauthorized", Last: now}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"good":                                 {with(func(*snapshot.KubeconfigUser, *snapshot.Snapshot) {}), 0},
		"expired":                              {with(func(u *snapshot.KubeconfigUser, _ *snapshot.Snapshot) { u.Cert.NotAfter = now.Add(-time.Second) }), 1},
		"not yet valid":                        {with(func(u *snapshot.KubeconfigUser, _ *snapshot.Snapshot) { u.Cert.NotBefore = now.Add(time.Second) }), 1},
		"not its key":                          {with(func(u *snapshot.KubeconfigUser, _ *snapshot.Snapshot) { u.Pair = snapshot.No }), 1},
		"pair not known":                       {with(func(u *snapshot.KubeconfigUser, _ *snapshot.Snapshot) { u.Pair = "" }), 0},
		"no node's, and taken":                 {with(func(u *snapshot.KubeconfigUser, _ *snapshot.Snapshot) { u.Cert.CN = "kubelet" }), 0},
		"no node's, and refused":               {with(func(u *snapshot.KubeconfigUser, s *snapshot.Snapshot) { u.Cert.CN = "kubelet"; refuse(s) }), 1},
		"good, and refused for something else": {with(func(_ *snapshot.KubeconfigUser, s *snapshot.Snapshot) { refuse(s) }), 0},
		"a token":                              {with(func(u *snapshot.KubeconfigUser, _ *snapshot.Snapshot) { u.Cert, u.Token = nil, "t" }), 0},
		"not there": {with(func(u *snapshot.KubeconfigUser, s *snapshot.Snapshot) {
			s.PKI.Files = []snapshot.PEMFile{{Path: u.CertFile, Error: "no such file or directory"}}
		}), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
