package network

import (
	"context"
	"errors"
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
	if tables, _ := e.ReadFile("/proc/net/ip_tables_names"); len(tables) > 0 {
		e.Gap(snapshot.SectionNetwork, "iptables-legacy", errors.New("the rules of iptables-legacy, which are in use, are not read"))
	}
	if !loaded(e, "nf_tables") {
		return // no rules of nftables then: there is nothing to read
	}
	r, err := readRules(n.Namespaces[0].Path)
	if err != nil {
		e.Gap(snapshot.SectionNetwork, "nftables", err)
		return
	}
	n.DNAT = r.Translations(uplinkAddress(n.Namespaces[0]))
	n.Rules = r.Verdicts()
}

func readRules(path string) (*netfilter.Ruleset, error) {
	c, err := rtnl.DialIn(path, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return netfilter.Read(c)
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
