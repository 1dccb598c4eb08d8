// Package servicerange is the fault of a range of service addresses that is none, or that the
// cluster's Services are not in.
package servicerange

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "apiserver/servicerange",
	Layer:    fault.APIServer,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster},
	Detect:   manifest.DetectFlags(check),
	Explains: manifest.Explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// widest is how many bits of a service address may be free.
const widest = 20

// check looks at the range itself, and at the Services that no cluster can
// renumber: the API's own and the name service.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-apiserver")
	got := p.Value("service-cluster-ip-range")
	if !ok || got == "" {
		return nil
	}
	w := manifest.Wrong{Part: p, Flag: "service-cluster-ip-range", Why: invalid(got), Want: "the range of the cluster's Services"}
	if name, ip := outside(s, got); w.Why == "" && name != "" {
		w.Why, w.Serves = fmt.Sprintf("the Service %s has %s, which is outside of it", name, ip), true
	}
	if w.Why == "" {
		return nil
	}
	kcm, _ := manifest.Find(s, "kube-controller-manager")
	own, _ := manifest.Kubeadm(s, "kube-apiserver", "service-cluster-ip-range")
	for _, x := range []string{own, kcm.Value("service-cluster-ip-range")} {
		name, _ := outside(s, x)
		if w.Set == "" && x != "" && x != got && invalid(x) == "" && name == "" {
			w.Set, w.Want = x, x
		}
	}
	return []manifest.Wrong{w}
}

// invalid says why the API server does not take a range, or "".
func invalid(ranges string) string {
	for x := range strings.SplitSeq(ranges, ",") {
		p, err := netip.ParsePrefix(strings.TrimSpace(x))
		if err != nil {
			return fmt.Sprintf("%q is no range of addresses", x)
		}
		if free := p.Addr().BitLen() - p.Bits(); p.Addr().Is4() && free > widest {
			return fmt.Sprintf("%s is too wide: at most /%d is taken", x, p.Addr().BitLen()-widest)
		}
	}
	return ""
}

// outside is a Service of the cluster itself that the ranges do not hold.
func outside(s *snapshot.Snapshot, ranges string) (name, ip string) {
	if s.Cluster == nil {
		return "", ""
	}
	for _, svc := range s.Cluster.Services {
		if svc.Namespace+"/"+svc.Name != "default/kubernetes" && svc.Namespace+"/"+svc.Name != "kube-system/kube-dns" {
			continue
		}
		for _, a := range svc.IPs {
			addr, err := netip.ParseAddr(a)
			if err == nil && !within(addr, ranges) {
				return svc.Namespace + "/" + svc.Name, a
			}
		}
	}
	return "", ""
}

func within(a netip.Addr, ranges string) bool {
	for x := range strings.SplitSeq(ranges, ",") {
		if p, err := netip.ParsePrefix(strings.TrimSpace(x)); err == nil && (p.Contains(a) || p.Addr().Is4() != a.Is4()) {
			return true
		}
	}
	return false
}

// drill makes the range too wide, or none.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	got, err := netip.ParsePrefix(p.Value("service-cluster-ip-range"))
	if !ok || err != nil || !got.Addr().Is4() {
		return nil, fmt.Errorf("cannot find the API server's range of Services")
	}
	to := fault.Pick(d, []string{fmt.Sprintf("%s/%d", got.Addr(), d.Int(8, 11)), got.Addr().String(), fmt.Sprintf("%s/%d", got.Addr(), d.Int(33, 40)), got.Addr().String() + "/255.255.0.0", got.String() + "/"})
	return p.Change().Set(p, "service-cluster-ip-range", to).Plan("another range")
}
