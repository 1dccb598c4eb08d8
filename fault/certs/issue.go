package certs

import (
	"cmp"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// An Identity is what a certificate says of its owner.
type Identity struct {
	Name           string
	Groups         []string
	DNS, IPs       []string
	Server, Client bool
}

// Keys are where the keys of a certificate's authority lie.
type Keys struct{ Cert, Key string }

// Authority finds the authority that the others go by, and its key, on this
// node.
func (u Use) Authority(s *snapshot.Snapshot) (Keys, error) {
	for _, e := range u.Edges {
		for _, ca := range s.PKI.Certificates {
			if !ca.CA || ca.Error != "" || strings.Contains(ca.Path, "#") || ca.Path != e.CA && (ca.SHA256 != e.CASHA256 || !strings.Contains(e.CA, "#")) {
				continue
			}
			if usurps(s, u, ca) {
				return Keys{}, fmt.Errorf("cannot issue %s anew: the authority in %s signed none of the other certificates that are shown to those who go by it; find out which one is the cluster's first", u.Cert, ca.Path)
			}
			for _, k := range s.PKI.Keys {
				if k.SPKI == ca.SPKI && k.SPKI != "" && !k.Public && !strings.Contains(k.Path, "#") {
					return Keys{ca.Path, k.Path}, nil
				}
			}
		}
	}
	return Keys{}, fmt.Errorf("cannot issue %s anew: the key of the authority that %s goes by is not on this node", u.Cert, strings.Join(append(u.Others(), u.Owner())[:1], ""))
}

// usurps reports whether an authority is likely to stand in the place of the
// cluster's: it signed nothing that is in use, and others of what is shown to
// those who go by it were signed by another.
func usurps(s *snapshot.Snapshot, u Use, ca snapshot.Certificate) bool {
	strange := false
	for _, e := range s.PKI.Edges {
		if strings.HasPrefix(e.Client, "signed by ") { // what is to be signed: by itself it always is
			continue
		}
		if e.Signed == snapshot.Yes && e.CASHA256 == ca.SHA256 {
			return false
		}
		strange = strange || e.Signed == snapshot.No && e.Cert != u.Cert && (e.CA == ca.Path || e.CASHA256 == ca.SHA256 && ca.SHA256 != "")
	}
	return strange
}

// Identity is what the certificate ought to say: as kubeadm writes it for its
// part where the file is one of kubeadm's, else what it says now.
func (u Use) Identity(s *snapshot.Snapshot) (Identity, bool) {
	old, known := Leaf(s, u.Cert)
	x := Identity{Name: old.CN, Groups: old.Orgs, DNS: slices.Clone(old.DNS), IPs: slices.Clone(old.IPs)}
	for _, e := range u.Edges {
		x.Server = x.Server || e.Checks != snapshot.EdgeClient
		x.Client = x.Client || e.Checks == snapshot.EdgeClient
	}
	name, groups := expected(s, u)
	if file, _ := Split(u.Cert); name != "" && (strings.HasPrefix(file, "/etc/kubernetes/") || strings.HasPrefix(file, "/var/lib/kubelet/") || !known) {
		x.Name, x.Groups = name, groups
	}
	u.names(s, &x)
	return x, x.Name != ""
}

// expected are the name and groups that kubeadm gives a certificate by its
// part; "" for a part that is not kubeadm's.
func expected(s *snapshot.Snapshot, u Use) (name string, groups []string) {
	e := u.Edges[0]
	if e.Checks != snapshot.EdgeClient {
		switch e.Server {
		case "kube-apiserver":
			return "kube-apiserver", nil
		case "etcd":
			return s.Node, nil
		}
		return "", nil
	}
	switch e.Client + " " + e.Server {
	case "kube-apiserver kubelet":
		return "kube-apiserver-kubelet-client", []string{admins(s)}
	case "kube-apiserver etcd":
		return "kube-apiserver-etcd-client", nil
	case "kube-apiserver aggregated":
		return frontProxy(s), nil
	case "etcdctl etcd":
		return "kube-etcd-healthcheck-client", nil
	case "etcd etcd":
		return s.Node, nil
	case "kube-controller-manager kube-apiserver", "kube-scheduler kube-apiserver":
		return "system:" + e.Client, nil
	case "kubelet kube-apiserver":
		return "system:node:" + s.Node, []string{"system:nodes"}
	}
	switch path.Base(e.Client) {
	case "super-admin.conf":
		return "kubernetes-super-admin", []string{"system:masters"}
	case "admin.conf":
		return "kubernetes-admin", []string{admins(s)}
	}
	return "", nil
}

// Expected are the name and groups of the certificate's part, where they are
// known.
func (u Use) Expected(s *snapshot.Snapshot) (name string, groups []string) { return expected(s, u) }

// admins is the group of administrators: kubeadm made one of its own in v1.29.
func admins(s *snapshot.Snapshot) string {
	const own = "kubeadm:cluster-admins"
	for _, c := range s.PKI.Certificates {
		if slices.Contains(c.Orgs, own) {
			return own
		}
	}
	return "system:masters"
}

// frontProxy is the name that aggregated API servers are told to take.
func frontProxy(s *snapshot.Snapshot) string {
	if s.Static == nil {
		return "front-proxy-client"
	}
	_, c, _ := s.Static.Component("kube-apiserver")
	f, _ := c.Flag("requestheader-allowed-names")
	first, _, _ := strings.Cut(f.Value, ",")
	return cmp.Or(first, "front-proxy-client")
}

// names adds those that clients of a server call it by.
func (u Use) names(s *snapshot.Snapshot, x *Identity) {
	add := func(host string) {
		list := &x.DNS
		if _, err := netip.ParseAddr(host); err == nil {
			list = &x.IPs
		}
		if host != "" && !slices.Contains(*list, host) {
			*list = append(*list, host)
		}
	}
	if !x.Server {
		return
	}
	for _, e := range u.Edges {
		if e.Checks == snapshot.EdgeServer {
			add(e.Address)
		}
	}
	switch u.Edges[0].Server {
	case "etcd":
		x.Client = true
		for _, h := range []string{s.Node, "localhost", "127.0.0.1", "::1"} {
			add(h)
		}
	case "kube-apiserver":
		domain := "cluster.local"
		if s.Cluster != nil && s.Cluster.Settings["dnsDomain"] != "" {
			domain = s.Cluster.Settings["dnsDomain"]
		}
		for _, h := range []string{s.Node, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + domain} {
			add(h)
		}
		if s.Static != nil {
			_, c, _ := s.Static.Component("kube-apiserver")
			f, _ := c.Flag("advertise-address")
			add(f.Value)
		}
	}
}

// Issue is the op that makes the certificate as x says, signed by its
// authority: an op.IssueCertificate, or an op.IssueKubeconfig for one that a
// kubeconfig embeds.
func (u Use) Issue(s *snapshot.Snapshot, x Identity, why string) (op.Op, error) {
	ca, err := u.Authority(s)
	if err != nil {
		return nil, err
	}
	file, entry := Split(u.Cert)
	if entry != "" {
		k, ok := kubeconfig(s, file)
		if !ok {
			return nil, fmt.Errorf("cannot issue the certificate in %s anew: the file was not read", file)
		}
		return op.IssueKubeconfig{Path: file, Pin: k.SHA256, CACert: ca.Cert, CAKey: ca.Key, User: x.Name, Groups: x.Groups, Replace: entry}, nil
	}
	o := op.IssueCertificate{CACert: ca.Cert, CAKey: ca.Key, Name: x.Name, Groups: x.Groups, Server: x.Server, Client: x.Client, Why: why}
	if x.Server {
		o.DNS, o.IPs = x.DNS, x.IPs
	}
	if o.Cert, o.CertPin, err = target(s, file); err != nil {
		return nil, err
	}
	if o.Key, o.KeyPin, err = target(s, u.Key()); err != nil {
		return nil, err
	}
	return o, nil
}

// Key is the file of the certificate's key.
func (u Use) Key() string {
	for _, e := range u.Edges {
		if e.Key != "" {
			return e.Key
		}
	}
	return ""
}

// target is the file behind a path, and its pin.
func target(s *snapshot.Snapshot, name string) (file, pin string, err error) {
	f, ok := File(s, name)
	switch {
	case !ok:
		return "", "", fmt.Errorf("cannot issue %s anew: nothing is known of the file", name)
	case f.Error != "" && !Missing(f):
		return "", "", fmt.Errorf("cannot issue %s anew: %s", name, f.Error)
	case f.Error == "" && f.SHA256 == "":
		return "", "", fmt.Errorf("cannot issue %s anew: the evidence is of an older version", name)
	case f.Link == "":
		return name, f.SHA256, nil
	case path.IsAbs(f.Link):
		return f.Link, f.SHA256, nil
	}
	return path.Join(path.Dir(name), f.Link), f.SHA256, nil
}

// Missing reports whether the file is not there.
func Missing(f snapshot.PEMFile) bool { return strings.Contains(f.Error, "no such file") }

func kubeconfig(s *snapshot.Snapshot, name string) (snapshot.Kubeconfig, bool) {
	if s.Kubeconfigs != nil {
		for _, k := range s.Kubeconfigs.Files {
			if k.Path == name {
				return k, true
			}
		}
	}
	return snapshot.Kubeconfig{}, false
}

// Reissue plans that the certificate is made anew, as it ought to be, and that
// those who read it start with it.
func (u Use) Reissue(s *snapshot.Snapshot, why string) (op.Plan, error) {
	x, ok := u.Identity(s)
	if !ok {
		return nil, fmt.Errorf("cannot issue %s anew: it is not known what it said", u.Cert)
	}
	o, err := u.Issue(s, x, why)
	if err != nil {
		return nil, err
	}
	return append(op.Plan{o}, u.Restart(s)...), nil
}

// order is in which components need one another.
var order = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}

// Restart plans that all who show the certificate, or to whom it is shown,
// start anew: some read their files when they start alone, and others wait for
// long before they try again.
func (u Use) Restart(s *snapshot.Snapshot) op.Plan {
	who := append(u.Others(), u.Owner())
	var plan op.Plan
	for _, name := range order {
		if slices.Contains(who, name) {
			plan = append(plan, RestartStatic(s, name)...)
		}
	}
	if u.Owner() == "kubelet" {
		plan = append(plan, op.Unit{Verb: "restart", Name: "kubelet.service"})
	}
	return plan
}

// RestartStatic plans that the static pod's container of a component starts
// anew.
func RestartStatic(s *snapshot.Snapshot, component string) op.Plan {
	if s.Static == nil {
		return nil
	}
	_, c, ok := s.Static.Component(component)
	if !ok {
		return nil
	}
	socket := ""
	if s.Kubelet != nil {
		socket = s.Kubelet.Endpoint
	}
	if s.Runtime != nil {
		socket = cmp.Or(s.Runtime.Socket, socket)
	}
	return op.Plan{op.RestartStatic{Container: c.Name, Socket: cmp.Or(socket, "/run/containerd/containerd.sock"), Why: "it reads its files anew"}}
}
