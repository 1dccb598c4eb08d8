package auth

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Etcd.Store = &snapshot.EtcdStore{AuthEnabled: true, Users: []string{"root"}, Roles: []string{"root"}}
	}))
}

func TestUsers(t *testing.T) {
	pki := &snapshot.PKI{
		Edges:        []snapshot.Edge{{Client: "kube-apiserver", Server: "etcd", Checks: snapshot.EdgeClient, Cert: "/c"}},
		Certificates: []snapshot.Certificate{{Path: "/c", CN: "kube-apiserver-etcd-client"}},
	}
	for what, tc := range map[string]struct {
		etcd snapshot.Etcd
		want int
	}{
		"off":                       {snapshot.Etcd{Reachable: true, Store: &snapshot.EtcdStore{}}, 0},
		"off, with users left":      {snapshot.Etcd{Reachable: true, Store: &snapshot.EtcdStore{Users: []string{"root"}}}, 0},
		"on, without the API's":     {snapshot.Etcd{Store: &snapshot.EtcdStore{AuthEnabled: true, Users: []string{"root"}}}, 1},
		"on, with the API's":        {snapshot.Etcd{Reachable: true, Store: &snapshot.EtcdStore{AuthEnabled: true, Users: []string{"root", "kube-apiserver-etcd-client"}}}, 0},
		"it asks":                   {snapshot.Etcd{Endpoint: "x", Error: "etcdserver: user name is empty", Failure: snapshot.EtcdAuth}, 1},
		"it asks for a certificate": {snapshot.Etcd{Failure: snapshot.EtcdClientCert}, 0},
	} {
		if got := detect(&snapshot.Snapshot{Etcd: &tc.etcd, PKI: pki}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
