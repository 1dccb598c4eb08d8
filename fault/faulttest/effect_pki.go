package faulttest

import (
	"strings"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// pkiEffects are the consequences of certificates and keys that do not fit.
var pkiEffects = []func(*Machine, *snapshot.Snapshot){certificates}

// certificates goes by the edges, which are read from the files.
func certificates(m *Machine, s *snapshot.Snapshot) {
	if s.PKI == nil || m.World.Units["kubelet.service"] != "active" {
		return
	}
	loads := map[string]bool{} // components that do not load their own files
	for _, e := range s.PKI.Edges {
		if e.Refused() == "" {
			continue
		}
		owner := e.Server
		if e.Checks == snapshot.EdgeClient {
			owner = e.Client
		}
		if e.Error != "" || e.Pair == snapshot.No && e.Checks != snapshot.EdgeSigning {
			loads[owner] = true
		}
		refusal(s, e)
	}
	for _, c := range s.PKI.Certificates { // a name without rights
		for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
			if strings.HasPrefix(c.Path, "/etc/kubernetes/"+strings.TrimPrefix(name, "kube-")+".conf#users/") && c.CN != "system:"+name {
				idle(s, name, "")
			}
		}
	}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		if !loads[name] {
			continue
		}
		componentDown(s, name, end{})
		switch name {
		case "etcd":
			etcdDown(s, "dial tcp 127.0.0.1:2379: connect: connection refused")
		case "kube-apiserver":
			apiDown(s, "dial tcp 172.20.0.2:6443: connect: connection refused")
		}
	}
}

// refusal shows what follows when one side refuses the other.
func refusal(s *snapshot.Snapshot, e snapshot.Edge) {
	switch {
	case e.Client == "kube-apiserver" && e.Server == "etcd" && e.Checks == snapshot.EdgeServer:
		etcdDown(s, "tls: failed to verify certificate: x509: "+e.Refused())
	case e.Client == "kube-apiserver" && e.Server == "etcd":
		componentDown(s, "kube-apiserver", end{ID: "apiserver-etcd-dial-failed", Log: "remote error: tls: bad certificate"})
		apiDown(s, "dial tcp 172.20.0.2:6443: connect: connection refused")
	case e.Client == "kube-controller-manager" && e.Server == "kube-apiserver", e.Client == "kube-scheduler" && e.Server == "kube-apiserver":
		idle(s, e.Client, "")
	case e.Client == "kubelet" && e.Server == "kube-apiserver":
		notReady(s, "Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
		for i := range s.Cluster.Leases {
			if l := &s.Cluster.Leases[i]; l.Namespace == "kube-node-lease" && l.Name == s.Node {
				l.Renewed = s.At.Add(-5 * time.Minute)
			}
		}
	case e.Client == "/etc/kubernetes/admin.conf" && e.Checks == snapshot.EdgeServer:
		apiDown(s, "tls: failed to verify certificate: x509: "+e.Refused())
	}
}
