package network

import (
	"context"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// netfilterInto adds what netfilter does: translations, verdicts and flows.
func netfilterInto(ctx context.Context, e *source.Env, n *snapshot.Network) {
	conntrackInto(ctx, e, n)
	n.Netem = hasNetem(e)
	r, err := readRules(e, n.Namespaces[0].Path)
	e.Gap(snapshot.SectionNetwork, "netfilter", err)
	n.DNAT = r.Translations(uplinkAddress(n.Namespaces[0]))
	n.Rules = r.Verdicts()
}

// readRules reads the rules of nftables and of iptables-legacy, each only
// where the kernel has them already: asking would load their modules.
func readRules(e *source.Env, path string) (*netfilter.Ruleset, error) {
	r := &netfilter.Ruleset{}
	if NewKernel(e).Loaded("nf_tables") {
		c, err := rtnl.DialIn(path, unix.NETLINK_NETFILTER)
		if err != nil {
			return r, err
		}
		defer c.Close()
		read, err := netfilter.Read(c)
		if err != nil {
			return r, err
		}
		r = read
	}
	names, err := e.ReadFile("/proc/1/net/ip_tables_names") // of the namespace at path
	if err != nil {
		names, _ = e.ReadFile("/proc/net/ip_tables_names")
	}
	if len(names) == 0 {
		return r, nil
	}
	return r, rtnl.In(path, func() error { return r.ReadLegacy(strings.Fields(string(names))) })
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
