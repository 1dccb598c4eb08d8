package network

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/netfilter"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// The rules that are kept of a namespace.
const (
	maxHostRules = 400
	maxPodRules  = 60
)

// readFilter reads the packet filter of the namespace that the calling thread
// is in: each part only where the kernel has it already, since asking for
// another would load its module.
func readFilter(k *Kernel) (*netfilter.Ruleset, error) {
	r := &netfilter.Ruleset{}
	var errs []error
	if k.Loaded("nf_tables") || k.Loaded("ip_set") {
		c, err := rtnl.Dial(unix.NETLINK_NETFILTER)
		if err != nil {
			return r, err
		}
		defer c.Close()
		if k.Loaded("nf_tables") {
			read, err := netfilter.Read(c)
			if err == nil {
				r = read
			}
			errs = append(errs, err)
		}
		if k.Loaded("ip_set") {
			if err := r.ReadIPSets(c); !errors.Is(err, unix.EINVAL) { // a kernel without them, where nothing is a module
				errs = append(errs, err)
			}
		}
	}
	errs = append(errs, r.ReadLegacy(tableNames(k.env, "ip_tables_names")), r.ReadLegacy6(tableNames(k.env, "ip6_tables_names")))
	return r, errors.Join(errs...)
}

// tableNames are the tables of iptables-legacy that are there in the calling
// thread's network namespace.
func tableNames(e *source.Env, file string) []string {
	names, _ := e.ReadFile("/proc/thread-self/net/" + file)
	return strings.Fields(string(names))
}

// readTracked reads the figures of connection tracking in the calling thread's
// network namespace; nil where connections are not tracked.
func readTracked(e *source.Env) *snapshot.Tracked {
	stat, err := e.ReadFile("/proc/thread-self/net/stat/nf_conntrack")
	if err != nil {
		return nil
	}
	t := parseTracked(stat)
	const dir = "/proc/sys/net/netfilter/nf_conntrack_"
	for name, into := range map[string]*int{"count": &t.Count, "max": &t.Max} {
		if text, err := e.ReadFile(dir + name); err == nil {
			*into, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
	}
	return t
}

// parseTracked sums up /proc/net/stat/nf_conntrack, which has a line of
// hexadecimal numbers for each processor below one of names.
func parseTracked(data []byte) *snapshot.Tracked {
	t := &snapshot.Tracked{}
	var names []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if names == nil {
			names = f
			continue
		}
		for i, name := range names {
			if i >= len(f) {
				break
			}
			into := map[string]*uint64{"invalid": &t.Invalid, "insert_failed": &t.InsertFailed, "drop": &t.Drop, "early_drop": &t.EarlyDrop}[name]
			if v, err := strconv.ParseUint(f[i], 16, 64); err == nil && into != nil {
				*into += v
			}
		}
	}
	return t
}

// filterInto reads what netfilter has in a namespace, over the thread in it.
func filterInto(k *Kernel, ns *snapshot.NetNS, most int) (*netfilter.Ruleset, error) {
	ns.Tracked = readTracked(k.env)
	r, err := readFilter(k)
	if k.Loaded("ip_vs") {
		var more error
		ns.IPVS, more = readIPVS()
		err = errors.Join(err, more)
	}
	ns.Netfilter = r.Summary(most)
	if n := r.Count(); n > most {
		err = errors.Join(err, fmt.Errorf("cannot keep all %d rules: the first %d are kept", n, most))
	}
	if err != nil {
		err = partial(fmt.Errorf("netfilter of %s: %w", ns.Path, err))
	}
	return r, err
}
