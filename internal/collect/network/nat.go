package network

import (
	"context"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// netfilterInto adds what the host's packet filter does: translations,
// verdicts and flows.
func netfilterInto(ctx context.Context, k *Kernel, n *snapshot.Network, r *netfilter.Ruleset) {
	conntrackInto(ctx, k, n)
	n.Netem = hasNetem(k.env)
	if r != nil {
		n.DNAT = r.Translations(uplinkAddress(n.Namespaces[0]))
		n.Rules = r.Verdicts()
	}
}

// uplinkAddress is the address of the interface that leads to the default
// route, else the first that is no loopback.
func uplinkAddress(host snapshot.NetNS) netip.Addr {
	uplink := ""
	for _, r := range host.Routes {
		if r.Dst == "default" && r.Table == unix.RT_TABLE_MAIN && uplink == "" {
			uplink = r.Link
		}
	}
	var other netip.Addr
	for _, l := range host.Links {
		for _, a := range l.Addresses {
			p, err := netip.ParsePrefix(a)
			if err != nil || !p.Addr().Is4() || p.Addr().IsLoopback() {
				continue
			}
			if l.Name == uplink {
				return p.Addr()
			}
			if !other.IsValid() {
				other = p.Addr()
			}
		}
	}
	return other
}

// hasNetem reports whether the kernel has the netem qdisc, as far as its list
// of modules tells.
func hasNetem(e *source.Env) bool {
	if list, err := e.ReadFile("/proc/modules"); err == nil && strings.Contains("\n"+string(list), "\nsch_netem ") {
		return true
	}
	release, _ := e.ReadFile("/proc/sys/kernel/osrelease")
	dir := "/lib/modules/" + strings.TrimSpace(string(release))
	for _, list := range []string{"/modules.builtin", "/modules.dep"} {
		if data, err := e.ReadFile(dir + list); err == nil && strings.Contains(string(data), "/sch_netem.ko") {
			return true
		}
	}
	return false
}
