package module

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// since is how old a complaint may be: a container that fails again and again
// is started every five minutes at last.
const since = 15 * time.Minute

// A sign is how a program says that the kernel lacks something. Its group, or
// else its modules, names what is lacking: the first of them that is not there.
type sign struct {
	word    string // that each such line has
	says    *regexp.Regexp
	prefix  []string // what stands before the group in a module's name
	modules []string
}

// signs are what kmod, the kernel's files, iptables, mount(2), netlink and
// kube-proxy say.
var signs = []sign{
	{word: "modprobe", says: regexp.MustCompile(`modprobe: (?:FATAL|ERROR): (?:Module |could not insert ['"])([\w-]+)`), prefix: []string{""}},
	{word: "/proc/sys/net/bridge/", says: regexp.MustCompile(`/proc/sys/net/bridge/[\w-]*: no such file or directory`), modules: []string{"br_netfilter"}},
	{word: "nf_conntrack", says: regexp.MustCompile(`/proc/sys/net/(?:netfilter/)?nf_conntrack\w*: no such file or directory`), modules: []string{"nf_conntrack"}},
	{word: "initialize iptables", says: regexp.MustCompile("can't initialize iptables table [`'\"]+(\\w+)"), prefix: []string{"iptable_"}},
	{word: "missing kernel module", says: regexp.MustCompile(`Extension (\w+) revision \d+ not supported, missing kernel module`), prefix: []string{"xt_"}},
	{word: "overlay", says: regexp.MustCompile(`overlay.*no such device`), modules: []string{"overlay"}},
	{word: "vxlan", says: regexp.MustCompile(`vxlan.*(?:operation not supported|unknown device type)`), modules: []string{"vxlan"}},
	{word: "wireguard", says: regexp.MustCompile(`wireguard.*(?:operation not supported|unknown device type)`), modules: []string{"wireguard"}},
	{word: "pvs", says: regexp.MustCompile(`[Ii]pvs not supported`), modules: []string{"ip_vs"}},
	{word: "IPVS", says: regexp.MustCompile(`IPVS not supported|an't use the IPVS proxier`), modules: []string{"ip_vs"}},
	{word: "dummy VS", says: regexp.MustCompile(`not create dummy VS`), modules: []string{"ip_vs", "ip_vs_rr"}},
}

// missed is who misses a module, and how that shows. Spoken keeps of each line
// whether it is one of those at all: there are many lines, and many modules.
func missed(s *snapshot.Snapshot, n snapshot.NeededModule, spoken map[string]bool) []finding.Fact {
	var out []finding.Fact
	if n.Name == "br_netfilter" && n.State != "unknown" && s.Sysctls != nil && s.Network != nil && ground.Pods(s.Network) > 0 && ground.Bridged(s) {
		if x, ok := s.Sysctls.Key("net.bridge.bridge-nf-call-iptables"); ok && !x.There {
			out = append(out, finding.Fact{Source: x.Path, Got: "not there, and pods' interfaces are ports of a bridge", Want: "1: else pods of one bridge do not reach each other through a Service"})
		}
	}
	says := func(_, line string) bool {
		speaks, known := spoken[line]
		if !known {
			speaks = slices.ContainsFunc(signs, func(x sign) bool { return strings.Contains(line, x.word) })
			spoken[line] = speaks
		}
		return speaks && lacks(s.Modules, line, n.Name)
	}
	for _, f := range ground.Said(s, since, says) {
		f.Want = n.Name + " in the kernel"
		out = append(out, f)
	}
	return out
}

// lacks reports whether a line says that the kernel lacks the module.
func lacks(m *snapshot.Modules, line, name string) bool {
	for _, x := range signs {
		if !strings.Contains(line, x.word) {
			continue
		}
		found := x.says.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		for _, p := range x.prefix {
			if same(p+found[1], name) {
				return true
			}
		}
		i := slices.IndexFunc(x.modules, func(w string) bool { n, ok := m.NeededModule(w); return ok && !there(n) })
		if i >= 0 && x.modules[i] == name {
			return true
		}
	}
	return false
}
