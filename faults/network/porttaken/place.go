package porttaken

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// A place is where a component of this node is to listen.
type place struct {
	component string
	port      uint16
	bound     netip.Addr // unspecified for all addresses
	source    string     // file that says so
	line      int
}

// A taking is a place with the process that listens there instead.
type taking struct {
	place
	at    netip.AddrPort // of the listener
	owner snapshot.SocketOwner
	why   finding.Fact // what says that it is in the component's place
	says  string       // the same as a clause
}

// places are those that the manifests, the kubelet's settings and its own
// defaults name.
func places(s *snapshot.Snapshot) []place {
	var out []place
	add := func(component, port, host, source string, line int) {
		n, err := strconv.ParseUint(port, 10, 16)
		bound, err2 := netip.ParseAddr(host)
		if err2 != nil {
			bound = netip.IPv6Unspecified()
		}
		if err == nil && n > 0 {
			out = append(out, place{component, uint16(n), bound, source, line})
		}
	}
	for component, port := range map[string]string{"kube-apiserver": "6443", "kube-controller-manager": "10257", "kube-scheduler": "10259"} {
		if p, ok := manifest.Find(s, component); ok && p.File.HostNet {
			f, _ := p.Flag("secure-port")
			add(component, cmp.Or(f.Value, port), p.Value("bind-address"), p.File.Path, f.Line)
		}
	}
	if p, ok := manifest.Find(s, "etcd"); ok && p.File.HostNet {
		for _, name := range []string{"listen-client-urls", "listen-peer-urls"} {
			f, _ := p.Flag(name)
			for v := range strings.SplitSeq(f.Value, ",") {
				if u, err := url.Parse(v); err == nil {
					add("etcd", u.Port(), u.Hostname(), p.File.Path, f.Line)
				}
			}
		}
	}
	if k := s.Kubelet; k != nil && k.Effective["enableServer"].Value != "false" {
		add("kubelet", cmp.Or(k.Effective["port"].Value, "10250"), k.Effective["address"].Value, cmp.Or(k.ConfigPath, "kubelet"), k.Effective["port"].Line)
		add("kubelet", cmp.Or(k.Effective["healthzPort"].Value, "10248"), cmp.Or(k.Effective["healthzBindAddress"].Value, "127.0.0.1"), cmp.Or(k.ConfigPath, "kubelet"), k.Effective["healthzPort"].Line)
	}
	order.By(out, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.component, b.component), cmp.Compare(a.port, b.port), a.bound.Compare(b.bound))
	})
	return out
}

// taken are the places at which somebody else listens, with what says that it
// is not by agreement. A balancer that hands on to the component shows its
// certificate, and nobody says that an address is in use.
func taken(s *snapshot.Snapshot) []taking {
	var out []taking
	for _, p := range places(s) {
		for _, x := range s.Sockets.Listening {
			at, err := netip.ParseAddrPort(x.Address)
			if err != nil || x.NetNS != "host" || x.Protocol != "tcp" || x.State != "listen" || at.Port() != p.port || !meets(x, at.Addr(), p.bound) || !foreign(x, p.component) {
				continue
			}
			t := taking{place: p, at: at, owner: x.Owners[0]}
			if (refused(s, &t) || strange(s, &t)) && !slices.ContainsFunc(out, func(y taking) bool { return y.subject() == t.subject() }) {
				out = append(out, t)
			}
		}
	}
	return out
}

// meets reports whether a listener and one who binds to the address are in
// each other's way.
func meets(x snapshot.Socket, at, bound netip.Addr) bool {
	at, bound = at.Unmap(), bound.Unmap()
	if at.IsUnspecified() || bound.IsUnspecified() {
		return at.Is4() == bound.Is4() || at.Is6() && !x.V6Only || bound.Is6()
	}
	return at == bound
}

// bundles are programs that have components within them.
var bundles = []string{"k3s", "rke2", "k0s", "kubelite", "hyperkube", "microk8s"}

// foreign reports whether it is known who listens, and that it is not the
// component, by what runs and not by what that calls itself.
func foreign(x snapshot.Socket, component string) bool {
	return len(x.Owners) > 0 && !slices.ContainsFunc(x.Owners, func(o snapshot.SocketOwner) bool {
		name := cmp.Or(path.Base(o.Exe), o.Name)
		if o.Exe == "" {
			name = o.Name
		}
		short := component[:min(len(component), 15)] // as the kernel cuts it
		return name == component || o.Exe == "" && name == short || slices.ContainsFunc(bundles, func(b string) bool { return strings.HasPrefix(name, b) })
	})
}

// refused: the component says itself that its address is in use.
func refused(s *snapshot.Snapshot, t *taking) bool {
	if s.Logs == nil {
		return false
	}
	for _, o := range s.Logs.Seen("listen-failed", s.At, 10*time.Minute) {
		own := strings.Contains(o.Source, "/"+t.component+"/") || t.component == "kubelet" && strings.Contains(o.Source, "kubelet")
		if own && strings.Contains(o.Sample, fmt.Sprintf(":%d: bind: address already in use", t.port)) {
			t.why = finding.Fact{Source: o.Source, Got: strings.TrimSpace(o.Sample), At: o.Last}
			t.says = "which cannot start"
			return true
		}
	}
	return false
}

// strange: who listens shows a certificate that is none of the cluster's.
func strange(s *snapshot.Snapshot, t *taking) bool {
	component, ok := map[string]string{"kube-apiserver": "apiserver", "etcd": "etcd"}[t.component]
	if !ok || s.Probes == nil {
		return false
	}
	for _, c := range s.Probes.Contacts {
		at, err := netip.ParseAddrPort(c.Address)
		if err != nil || c.Component != component || at.Port() != t.port || c.TLS == nil || len(c.TLS.Chain) == 0 || len(c.TLS.SignedBy) > 0 || c.TLS.File != "" {
			continue
		}
		if t.at.Addr().Unmap() != at.Addr().Unmap() && (!t.at.Addr().IsUnspecified() || c.Role != "loopback" && c.Role != "node") || trusted(s, c) {
			continue
		}
		leaf := c.TLS.Chain[0]
		t.why = finding.Fact{Source: component + " " + c.Address, Got: fmt.Sprintf("shows %s, signed by %s", leaf.Subject, leaf.Issuer), Want: "a certificate of the cluster's authority"}
		t.says = fmt.Sprintf("and shows a certificate that %s signed", leaf.Issuer)
		return true
	}
	return false
}

// trusted reports whether clients of this node go there with an authority of
// their own, which may have signed what is shown.
func trusted(s *snapshot.Snapshot, c snapshot.Contact) bool {
	if s.Kubeconfigs == nil || s.PKI == nil {
		return true
	}
	last := c.TLS.Chain[len(c.TLS.Chain)-1]
	for _, k := range s.Kubeconfigs.Files {
		for _, x := range k.Clusters {
			u, err := url.Parse(x.Server)
			own := slices.ContainsFunc(s.PKI.Certificates, func(y snapshot.Certificate) bool { return y.SHA256 == x.CA && !strings.Contains(y.Path, "#") })
			if err == nil && u.Host == c.Address && !own && (x.Insecure || x.CASubject == last.Issuer || x.CA == last.SHA256) {
				return true
			}
		}
	}
	return false
}

func (t taking) subject() finding.Subject { return finding.Subject{Kind: "port", Name: t.at.String()} }

// call is an address at which the listener is reached.
func (t taking) call() string {
	if t.at.Addr().IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", t.at.Port())
	}
	return t.at.String()
}

func (t taking) summary(s *snapshot.Snapshot) string {
	who := fmt.Sprintf("%s (PID %d)", cmp.Or(t.owner.Name, path.Base(t.owner.Exe)), t.owner.PID)
	if list := hands(s, t.owner.PID); len(list) > 0 {
		who += " of " + list[0].Source
	}
	return fmt.Sprintf("%s listens at %s, the port of %s, %s", who, t.at, t.component, t.says)
}

func (t taking) facts(s *snapshot.Snapshot) []finding.Fact {
	out := []finding.Fact{{Source: "listening sockets", Got: fmt.Sprintf("%s: %s, process %d, %s", t.at, t.owner.Name, t.owner.PID, cmp.Or(t.owner.Exe, "program unknown")), Want: t.component}, t.why}
	if t.source != "" {
		out = append(out, finding.Fact{Source: t.source, Line: t.line, Got: fmt.Sprintf("%s is to listen on port %d", t.component, t.port)})
	}
	if p := process(s, t.owner.PID); len(p.Args) > 0 {
		out = append(out, finding.Fact{Source: fmt.Sprintf("/proc/%d/cmdline", p.PID), Got: strings.Join(p.Args, " "), Want: "no such process", At: p.Start})
	}
	for _, h := range hands(s, t.owner.PID) {
		out = append(out, finding.Fact{Source: h.Source, Line: h.Line, Got: cmp.Or(h.Command, h.Text, "starts it"), Want: "nothing that starts it"})
	}
	return out
}
