package serverwrong

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func kubeconfig(path, server, ca string) snapshot.Kubeconfig {
	return snapshot.Kubeconfig{
		Text: snapshot.Text{Path: path, SHA256: path}, Current: "c",
		Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: server, CA: ca, Line: 3}},
		Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k", User: "u"}},
		Users:    []snapshot.KubeconfigUser{{Name: "u"}},
	}
}

func TestDetect(t *testing.T) {
	const admin, own = "/etc/kubernetes/admin.conf", "/root/.kube/config"
	for name, tt := range map[string]struct {
		path, server, ca string
		change           func(*snapshot.Snapshot)
		want             string
	}{
		"as the others":             {admin, "https://10.0.0.1:6443", "ca", nil, ""},
		"nothing listens":           {admin, "https://10.0.0.1:6444", "ca", nil, "nothing listens on port 6444"},
		"no port":                   {admin, "https://10.0.0.1", "ca", nil, "nothing listens on port 443"},
		"a balancer of its own":     {admin, "https://10.0.0.1:7443", "ca", nil, ""},
		"plain":                     {admin, "http://10.0.0.1:6443", "ca", nil, "speaks TLS alone"},
		"no URL":                    {admin, "10.0.0.1:6443", "ca", nil, "no URL"},
		"another control plane":     {admin, "https://10.0.0.2:6443", "ca", nil, ""},
		"a name in the certificate": {admin, "https://api.example:6443", "ca", nil, ""},
		"a foreign host":            {admin, "https://10.9.9.9:6443", "ca", nil, "not for 10.9.9.9"},
		"loopback":                  {admin, "https://127.0.0.1:6443", "ca", nil, "not for 127.0.0.1"},
		"not checked":               {admin, "https://10.9.9.9:6443", "ca", func(s *snapshot.Snapshot) { s.Kubeconfigs.Files[0].Clusters[0].Insecure = true }, ""},
		"nodes not known":           {admin, "https://10.9.9.9:6443", "ca", func(s *snapshot.Snapshot) { s.Cluster = nil }, ""},
		"sockets not known":         {admin, "https://10.0.0.1:6444", "ca", func(s *snapshot.Snapshot) { s.Sockets = nil }, ""},
		"of root":                   {own, "https://10.0.0.1:6444", "ca", nil, "nothing listens"},
		"another cluster's":         {own, "https://10.0.0.1:6444", "other", nil, ""},
		"no other file":             {admin, "https://10.0.0.1:6444", "ca", func(s *snapshot.Snapshot) { s.Kubeconfigs.Files = s.Kubeconfigs.Files[:1] }, ""},
		"a component's":             {"/etc/kubernetes/scheduler.conf", "https://10.0.0.1:6444", "ca", nil, ""},
	} {
		s := &snapshot.Snapshot{
			Node: "cp1",
			Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{
				kubeconfig(tt.path, tt.server, tt.ca), kubeconfig("/etc/kubernetes/kubelet.conf", "https://10.0.0.1:6443", "ca"), kubeconfig("/etc/kubernetes/controller-manager.conf", "https://10.0.0.1:6443", "ca")}},
			PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/etc/kubernetes/pki/apiserver.crt", DNS: []string{"api.example"}, IPs: []string{"10.0.0.1"}}}},
			Sockets: &snapshot.Sockets{Listening: []snapshot.Socket{
				{NetNS: "host", Address: "[::]:6443", Owners: []snapshot.SocketOwner{{Name: "kube-apiserver"}}}, {NetNS: "host", Address: "0.0.0.0:7443"}, {NetNS: "x/pod", Address: "0.0.0.0:6444"}}},
			Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "cp1", Addresses: []string{"10.0.0.1"}}, {Name: "cp2", Addresses: []string{"10.0.0.2"}}}},
		}
		if tt.change != nil {
			tt.change(s)
		}
		got := detect(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: got %+v, want %q", name, got, tt.want)
		}
	}
}

// A finding that the snapshot no longer shows has no remedy, and says so.
func TestNothingWrong(t *testing.T) {
	x := finding.Finding{Subject: finding.Subject{Kind: "file", Name: "/etc/kubernetes/admin.conf"}}
	if _, err := remedy(faulttest.New(t).Snapshot(), x); err == nil || strings.Contains(err.Error(), "%!") {
		t.Errorf("got %v", err)
	}
}
