package repair

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/internal/machine/network"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
)

// TestKill kills every op that runs here, everywhere.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts some hundred processes")
	}
	for name, build := range map[string]func(*stage) (func() (op.Plan, error), lookAt, error){
		"files": fileOps, "keys": keyOps, "kernel": kernelOps, "routes": routeOps, "filter": filterOps,
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(s *stage) error {
				plan, look, err := build(s)
				if err != nil {
					return err
				}
				return s.kills(plan, look)
			})
		})
	}
}

// always is a plan that is the same each time.
func always(p op.Plan) func() (op.Plan, error) {
	return func() (op.Plan, error) { return p, nil }
}

// long is when the files were written.
var long = time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)

// tree makes files with all that an undo has to bring back, and returns how each
// is pinned.
func tree(dir string, files map[string]op.File) (func(name string) string, error) {
	m := &machine.Files{}
	var errs []error
	for name, f := range files {
		if f.Mode == 0 {
			f.Mode = 0o640
		}
		f.Modified, f.GID = long, 4
		if f.Link == "" {
			f.Xattrs = map[string][]byte{"user.origin": []byte("here")}
		}
		errs = append(errs, m.WriteFile(filepath.Join(dir, name), f))
	}
	return func(name string) string { return files[name].Sum() }, errors.Join(errs...)
}

func fileOps(s *stage) (func() (op.Plan, error), lookAt, error) {
	dir := filepath.Join(s.base, "etc")
	pin, err := tree(dir, map[string]op.File{
		"replaced": {Data: []byte("old\n")}, "linked": {Link: "/nowhere"}, "gone": {Data: []byte("bytes")}, "gonelink": {Link: "replaced"},
		"from": {Data: []byte("program"), Mode: 0o755}, "mode": {Data: []byte("x")}, "line": {Data: []byte("a\nb\nc\n")}, "bytes": {Data: []byte("secret=x")},
		"attr": {Data: []byte("x")}, "held": {Data: []byte("held"), Immutable: true},
	})
	if err != nil {
		return nil, lookAt{}, err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	s.t.Cleanup(func() {
		for _, name := range []string{"held", "attr"} { // where a test has failed
			_ = (&machine.Files{}).WriteFlags(at(name), op.FileFlags{})
		}
	})
	return always(op.Plan{
		op.WriteFile{Path: at("replaced"), Pin: pin("replaced"), Data: []byte("new\n"), Mode: 0o600},
		op.WriteFile{Path: at("a/new/file"), Data: []byte("x"), Mode: 0o644, UID: 7},
		op.WriteFile{Path: at("a/new/link"), Link: "file", Mode: 0o777},
		op.WriteFile{Path: at("linked"), Pin: pin("linked"), Link: "/elsewhere", Mode: 0o777},
		op.RemoveFile{Path: at("gone"), Pin: pin("gone")},
		op.RemoveFile{Path: at("gonelink"), Pin: pin("gonelink")},
		op.RemoveFile{Path: at("held"), Pin: pin("held")},
		op.CopyFile{From: at("from"), FromPin: pin("from"), To: at("copy"), Mode: 0o755},
		op.Chmod{Path: at("mode"), Old: 0o640, New: 0o755 | fs.ModeSetuid},
		op.EditLine{Path: at("line"), Pin: pin("line"), Line: 2, Old: []string{"b"}, New: []string{"B", "bb"}},
		op.Splice{Path: at("bytes"), Pin: pin("bytes"), Offset: 7, Remove: 1, Insert: []byte("yz")},
		op.FileAttr{Path: at("attr"), New: op.FileFlags{Immutable: true, Append: true}},
	}), lookAt{Dir: dir}, nil
}

// authority is a new CA, in PEM.
func authority() (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	x := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour * 999), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, x, x, k.Public(), k)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalECPrivateKey(k)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}), err
}

// keyOps make what no plan can say beforehand.
func keyOps(s *stage) (func() (op.Plan, error), lookAt, error) {
	dir := filepath.Join(s.base, "pki")
	cert, key, err := authority()
	if err != nil {
		return nil, lookAt{}, err
	}
	pin, err := tree(dir, map[string]op.File{
		"ca.crt": {Data: cert}, "ca.key": {Data: key}, "x.crt": {Data: []byte("old certificate")}, "x.key": {Data: []byte("old key")}, "sa.pub": {Data: []byte("old public key\n")}, "conf": {Data: []byte("old")},
	})
	if err != nil {
		return nil, lookAt{}, err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return always(op.Plan{
		op.IssueCertificate{Cert: at("x.crt"), CertPin: pin("x.crt"), Key: at("x.key"), KeyPin: pin("x.key"), CACert: at("ca.crt"), CAKey: at("ca.key"), Name: "x", Server: true},
		op.IssueCertificate{Cert: at("both.pem"), Key: at("both.pem"), CACert: at("ca.crt"), CAKey: at("ca.key"), Name: "y", Client: true},
		op.PublishKey{Key: at("ca.key"), Path: at("sa.pub"), Pin: pin("sa.pub")},
		op.IssueKubeconfig{Path: at("conf"), Pin: pin("conf"), Cluster: "c", Server: "https://127.0.0.1:6443", CACert: at("ca.crt"), CAKey: at("ca.key"), User: "u", Days: 9},
	}), lookAt{Dir: dir, Keys: true}, nil
}

// kernelOps change what the kernel keeps beside the network.
func kernelOps(s *stage) (func() (op.Plan, error), lookAt, error) {
	dir := filepath.Join(s.base, "mounts")
	var errs []error
	for _, d := range []string{"over", "bind", "shown", "below"} {
		errs = append(errs, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	errs = append(errs, os.WriteFile(at("shown/file"), []byte("x"), 0o644), os.WriteFile(at("below/file"), []byte("y"), 0o644),
		unix.Mount(at("shown"), at("below"), "", unix.MS_BIND, ""))
	const ports = "net.ipv4.ip_local_port_range"
	was, err := os.ReadFile(fmt.Sprintf("/proc/thread-self/root%s", op.Sysctl{Name: ports}.Path()))
	list, err2 := os.ReadFile("/proc/thread-self/mountinfo")
	c := exec.Command("sleep", "600")
	if err := errors.Join(append(errs, err, err2, c.Start())...); err != nil {
		return nil, lookAt{}, err
	}
	s.t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	p, _, err := machine.Processes{}.ReadProcess(c.Process.Pid)
	hidden := machine.MountsAt(string(list), at("below"))
	if err != nil || len(hidden) != 1 {
		return nil, lookAt{}, fmt.Errorf("%+v, %w", hidden, err)
	}
	return always(op.Plan{
		op.Sysctl{Name: ports, Old: string(was), New: "40000 50000"},
		op.MountOver{Mount: op.Mount{Path: at("over"), Type: "tmpfs", Source: "tmpfs"}},
		op.MountOver{Mount: op.Mount{Path: at("bind"), Type: "bind", Source: at("shown")}},
		op.Unmount{Mount: hidden[0]},
		op.Signal{Process: p, Stop: true},
	}), lookAt{Dir: dir, Sysctls: []string{ports}, Mounts: []string{at("over"), at("bind"), at("below")}, PID: p.PID}, nil
}

func routeOps(s *stage) (func() (op.Plan, error), lookAt, error) {
	t := s.t
	other := rtnltest.New(t)
	rtnltest.Veth(t, other, "eth0", s.net, "eth0")
	rtnltest.Addr(t, s.net, "eth0", "10.9.0.2/24")
	rtnltest.Link(t, s.net, "cni0", "bridge")
	rtnltest.Addr(t, s.net, "cni0", "10.244.0.1/24")
	n := network.At(s.net)
	old := op.Route{Kind: "route", Text: "10.244.1.0/24 via 10.9.0.7 dev eth0 table 254 proto static"}
	eth0, cni0 := op.QdiscPlace{Link: "eth0", Parent: "root"}, op.QdiscPlace{Link: "cni0", Parent: "root"}
	if err := n.WriteQdisc(op.Qdisc{QdiscPlace: cni0, Kind: "tbf", RateBps: 80000, BurstBytes: 1600, LimitBytes: 3000}); err != nil {
		return nil, lookAt{}, err
	}
	slow, ok, err := n.ReadQdisc(cni0)
	behind := op.Route{Kind: "route", Text: "10.245.0.0/16 dev cni0 table 254 proto static"} // goes when cni0 goes down
	if err := errors.Join(err, n.WriteRoute(old), n.WriteRoute(behind)); err != nil || !ok {
		return nil, lookAt{}, fmt.Errorf("qdisc %v: %w", ok, err)
	}
	for _, r := range []op.Route{old, behind} {
		if _, there, err := n.ReadRoute(r); err != nil || !there {
			return nil, lookAt{}, fmt.Errorf("%s: %v, %w", r.Text, there, err)
		}
	}
	link, err := n.ReadLink(op.LinkPlace{Link: "eth0"})
	routes := []op.Route{{Kind: "route", Text: "blackhole 10.96.0.0/12 table 254 proto static"}, {Kind: "rule", Text: "priority 100 from all to 10.1.0.0/16 blackhole"}, {Kind: "neighbour", Text: "10.9.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent"}}
	return always(op.Plan{
			op.AddRoute{Route: routes[0]}, op.AddRoute{Route: routes[1]}, op.AddRoute{Route: routes[2]},
			op.DeleteRoute{Route: old, Why: "it"},
			op.AddQdisc{Qdisc: op.Qdisc{QdiscPlace: eth0, Kind: "tbf", RateBps: 80000, BurstBytes: 1600, LimitBytes: 3000}},
			op.DeleteQdisc{Qdisc: slow},
			op.SetLink{At: op.LinkPlace{Link: "cni0"}, OldUp: true, OldMTU: 1500, NewUp: false, NewMTU: 1500},
			op.SetLink{At: op.LinkPlace{Link: "eth0"}, OldUp: true, OldMTU: link.MTU, NewUp: true, NewMTU: 900},
			op.GuardPorts{Guard: op.Guard{Name: "klustered-x", Ports: []op.GuardPort{{Port: 2379, Allow: []string{"10.9.0.1"}}}}},
		}), lookAt{Dir: s.base + "/none", Links: []string{"eth0", "cni0"}, Qdiscs: []op.QdiscPlace{eth0, cni0}, Guards: []string{"klustered-x"},
			Routes: append(routes, old, behind)}, err
}

func filterOps(s *stage) (func() (op.Plan, error), lookAt, error) {
	n := network.At(s.net)
	site := op.FilterPlace{Family: "inet", Table: "site"}
	chain := func(name string) op.FilterPlace {
		at := site
		at.Chain = name
		return at
	}
	err := n.WriteFilter(op.Filter{FilterPlace: site, Chains: []op.FilterChain{
		{Name: "input", Type: "filter", Hook: "input", Priority: -5, Rules: []op.FilterMatch{{InLink: "lo", Verdict: "accept"}, {Protocol: "tcp", DstPort: 6443, Verdict: "drop"}, {Protocol: "udp", Verdict: "drop"}}},
		{Name: "output", Type: "filter", Hook: "output", Rules: []op.FilterMatch{{Protocol: "tcp", DstPort: 53, Verdict: "drop"}}},
	}})
	if err != nil {
		return nil, lookAt{}, err
	}
	other := op.FilterPlace{Family: "ip", Table: "other"}
	plan := func() (op.Plan, error) { // a rule that was put back has another handle
		found, _, err := n.FindRule(chain("input"), op.FilterRule{Match: &op.FilterMatch{Protocol: "tcp", DstPort: 6443, Verdict: "drop"}})
		output, ok, err2 := n.ReadFilter(chain("output"))
		if err := errors.Join(err, err2); err != nil || !ok || found.Handle == 0 {
			return nil, fmt.Errorf("%v, %+v, %w", ok, found, err)
		}
		return op.Plan{
			op.DeleteRule{At: chain("input"), Rule: op.FilterRule{Sum: found.Sum, Handle: found.Handle, Text: found.Text}, Why: "it"},
			op.AddRule{At: chain("input"), Match: op.FilterMatch{Protocol: "tcp", DstPort: 10250, Verdict: "drop"}, Last: true},
			op.DeleteFilter{At: chain("output"), Sum: output.Sum, Why: "it"},
			op.AddFilter{Filter: op.Filter{FilterPlace: other, Chains: []op.FilterChain{{Name: "in", Type: "filter", Hook: "input", Rules: []op.FilterMatch{{From: "10.0.0.0/8", Verdict: "drop"}}}}}},
		}, nil
	}
	return plan, lookAt{Dir: s.base + "/none", Filters: []op.FilterPlace{chain("input"), chain("output"), other}}, nil
}
