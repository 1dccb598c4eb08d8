package faulttest

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

// mustBe are flags with which a component ends when they are not as kubeadm
// has them. It is coarse: drills set nothing that would be taken.
var mustBe = map[string][]string{
	"kube-apiserver":          {"etcd-servers", "service-cluster-ip-range", "authorization-mode", "enable-admission-plugins"},
	"kube-controller-manager": {"cluster-signing-cert-file", "cluster-signing-key-file", "controllers"},
}

// mustNot are flags that kubeadm does not set and that end a component as
// drills set them.
var mustNot = []string{"disable-admission-plugins", "audit-policy-file", "admission-control-config-file",
	"config", "leader-elect-lease-duration", "leader-elect-renew-deadline", "leader-elect-retry-period"}

// badValue: a flag of the right type and with a value that is refused.
func badValue(_ *Machine, s *snapshot.Snapshot, p manifest.Part) *end {
	for _, name := range mustBe[p.Name()] {
		if want, ok := manifest.Kubeadm(s, p.Name(), name); ok && p.Value(name) != want {
			return &end{ID: "apiserver-exits", Log: `"command failed" err="` + name + `"`}
		}
	}
	for _, f := range p.Container.Flags {
		if slices.Contains(mustNot, f.Name) || strings.HasSuffix(f.Name, "requests-inflight") && strings.HasPrefix(f.Value, "-") {
			return &end{ID: "apiserver-exits", Log: `"command failed" err="` + f.Name + `"`}
		}
	}
	return nil
}

// elsewhereAPI: an API server that listens where nobody calls is down for all.
func elsewhereAPI(m *Machine, s *snapshot.Snapshot) {
	p, ok := manifest.Find(s, "kube-apiserver")
	port, noted := manifest.Kubeadm(s, "kube-apiserver", "secure-port")
	_, bound := p.Flag("bind-address")
	if ok && noted && m.World.Units["kubelet.service"] == "active" && (p.Value("secure-port") != port || bound) {
		apiDown(s, "dial tcp 172.20.0.2:6443: connect: connection refused")
		idle(s, "kube-controller-manager", "cp1_a")
		idle(s, "kube-scheduler", "cp1_b")
	}
}
