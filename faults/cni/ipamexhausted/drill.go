package ipamexhausted

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill narrows the range to what is given already, and gives the rest of it
// to containers that are not there; then a pod comes.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	f, err := podnet.Current(s)
	if err != nil {
		return nil, err
	}
	for _, n := range s.CNI.IPAM {
		if n.Config != f.Path || len(n.Ranges) != 1 || len(n.Addresses) == 0 {
			continue
		}
		first, err1 := netip.ParseAddr(n.Addresses[0].IP)
		last, err2 := netip.ParseAddr(n.Addresses[len(n.Addresses)-1].IP)
		if err1 != nil || err2 != nil {
			continue
		}
		for range d.Int(0, 4) {
			last = last.Next()
		}
		at := fmt.Sprintf("%q", n.Ranges[0].Subnet)
		if strings.Count(f.Content, at) != 1 {
			continue
		}
		text := strings.Replace(f.Content, at, fmt.Sprintf("%s, \"rangeStart\": %q, \"rangeEnd\": %q", at, first, last), 1)
		plan := op.Plan{podnet.Edit(f, text, "a narrow range")}
		for ip := first; ip.Compare(last) <= 0 && len(plan) < 60; ip = ip.Next() {
			if !given(n, ip.String()) {
				id := fmt.Sprintf("%016x%016x%016x%016x", d.Int(1, 1<<62), d.Int(1, 1<<62), d.Int(1, 1<<62), d.Int(1, 1<<62))
				plan = append(plan, op.WriteFile{Path: path.Join(n.Dir, ip.String()), Data: []byte(id + "\r\neth0"), Mode: 0o644, Why: "an address that is given"})
			}
		}
		pod, err := cri.Newcomer(s, d)
		return append(plan, pod), err
	}
	return nil, errors.New("cannot use up the pods' addresses: host-local does not give them from one range")
}

func given(n snapshot.IPAMNetwork, ip string) bool {
	for _, a := range n.Addresses {
		if a.IP == ip {
			return true
		}
	}
	return n.Ranges[0].Gateway == ip
}
