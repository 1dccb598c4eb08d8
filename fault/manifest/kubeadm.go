package manifest

import (
	"net/netip"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// kubeadm is what kubeadm writes for each component, as NAME=VALUE. Of a value
// with a word in braces the rest is known: see [Kubeadm].
var kubeadm = map[string]string{
	"kube-apiserver": `advertise-address={ip} allow-privileged=true authorization-mode=Node,RBAC client-ca-file={pki}/ca.crt
enable-admission-plugins=NodeRestriction enable-bootstrap-token-auth=true etcd-cafile={pki}/etcd/ca.crt
etcd-certfile={pki}/apiserver-etcd-client.crt etcd-keyfile={pki}/apiserver-etcd-client.key etcd-servers=https://127.0.0.1:2379
kubelet-client-certificate={pki}/apiserver-kubelet-client.crt kubelet-client-key={pki}/apiserver-kubelet-client.key
kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname proxy-client-cert-file={pki}/front-proxy-client.crt
proxy-client-key-file={pki}/front-proxy-client.key requestheader-allowed-names=front-proxy-client
requestheader-client-ca-file={pki}/front-proxy-ca.crt requestheader-extra-headers-prefix=X-Remote-Extra-
requestheader-group-headers=X-Remote-Group requestheader-username-headers=X-Remote-User secure-port={port}
service-account-issuer=https://kubernetes.default.svc.{domain} service-account-key-file={pki}/sa.pub
service-account-signing-key-file={pki}/sa.key service-cluster-ip-range={services} tls-cert-file={pki}/apiserver.crt
tls-private-key-file={pki}/apiserver.key`,
	"kube-controller-manager": `allocate-node-cidrs=true authentication-kubeconfig={dir}/controller-manager.conf
authorization-kubeconfig={dir}/controller-manager.conf bind-address=127.0.0.1 client-ca-file={pki}/ca.crt cluster-cidr={pods}
cluster-signing-cert-file={pki}/ca.crt cluster-signing-key-file={pki}/ca.key controllers=*,bootstrapsigner,tokencleaner
kubeconfig={dir}/controller-manager.conf leader-elect=true requestheader-client-ca-file={pki}/front-proxy-ca.crt
root-ca-file={pki}/ca.crt service-account-private-key-file={pki}/sa.key service-cluster-ip-range={services}
use-service-account-credentials=true`,
	"kube-scheduler": `authentication-kubeconfig={dir}/scheduler.conf authorization-kubeconfig={dir}/scheduler.conf
bind-address=127.0.0.1 kubeconfig={dir}/scheduler.conf leader-elect=true`,
	"etcd": `cert-file={pki}/etcd/server.crt client-cert-auth=true data-dir=/var/lib/etcd key-file={pki}/etcd/server.key
listen-client-urls=https://127.0.0.1:2379,https://{ip}:2379 listen-metrics-urls=http://127.0.0.1:2381
listen-peer-urls=https://{ip}:2380 peer-cert-file={pki}/etcd/peer.crt peer-client-cert-auth=true
peer-key-file={pki}/etcd/peer.key peer-trusted-ca-file={pki}/etcd/ca.crt trusted-ca-file={pki}/etcd/ca.crt
advertise-client-urls=https://{ip}:2379 initial-advertise-peer-urls=https://{ip}:2380`,
}

// IsKubeadm reports whether kubeadm made the control plane of this node: one
// of its manifests holds kubeadm's annotation, or its labels.
func IsKubeadm(s *snapshot.Snapshot) bool {
	if s.Static == nil {
		return false
	}
	for _, m := range s.Static.Manifests {
		for _, f := range m.Below("metadata") {
			if strings.HasPrefix(f.Path, "metadata.annotations.kubeadm.kubernetes.io/") ||
				f.Path == "metadata.labels.tier" && f.Value == "control-plane" && ComponentOf(m) != "" {
				return true
			}
		}
	}
	return false
}

// Kubeadm returns the value that kubeadm gives a flag of a component on this
// node, where the evidence tells it.
func Kubeadm(s *snapshot.Snapshot, component, flag string) (string, bool) {
	if !IsKubeadm(s) {
		return "", false
	}
	for word := range strings.FieldsSeq(kubeadm[component]) {
		name, value, _ := strings.Cut(word, "=")
		if name != flag {
			continue
		}
		for hole, of := range map[string]func(*snapshot.Snapshot) string{
			"{pki}": func(*snapshot.Snapshot) string { return "/etc/kubernetes/pki" }, "{dir}": func(*snapshot.Snapshot) string { return "/etc/kubernetes" },
			"{ip}": address, "{port}": port, "{services}": services, "{pods}": pods, "{domain}": domain,
		} {
			if !strings.Contains(value, hole) {
				continue
			}
			x := of(s)
			if x == "" {
				return "", false
			}
			value = strings.ReplaceAll(value, hole, x)
		}
		return value, true
	}
	return "", false
}

// annotated is the host and port of kubeadm's annotation of that name.
func annotated(s *snapshot.Snapshot, name string) string {
	for _, m := range s.Static.Manifests {
		if f, ok := m.Get("metadata.annotations.kubeadm.kubernetes.io/" + name); ok {
			return strings.TrimSuffix(strings.TrimPrefix(f.Value, "https://"), "/")
		}
	}
	return ""
}

// address is the address of this node that the control plane is told by.
func address(s *snapshot.Snapshot) string {
	for _, name := range []string{"kube-apiserver.advertise-address.endpoint", "etcd.advertise-client-urls"} {
		if at, err := netip.ParseAddrPort(annotated(s, name)); err == nil {
			return at.Addr().String()
		}
	}
	return ""
}

func port(s *snapshot.Snapshot) string {
	_, p, _ := strings.Cut(annotated(s, "kube-apiserver.advertise-address.endpoint"), ":")
	if _, after, ok := strings.Cut(p, "]:"); ok {
		p = after
	}
	return p
}

func setting(s *snapshot.Snapshot, name string) string {
	if s.Cluster == nil {
		return ""
	}
	return s.Cluster.Settings[name]
}

// services is the range of service addresses: as kubeadm keeps it, else as the
// controller manager is told.
func services(s *snapshot.Snapshot) string { return setting(s, "serviceSubnet") }

func pods(s *snapshot.Snapshot) string { return setting(s, "podSubnet") }

func domain(s *snapshot.Snapshot) string {
	if d := setting(s, "dnsDomain"); d != "" {
		return d
	}
	return "cluster.local"
}
