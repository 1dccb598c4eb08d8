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
	says    *regexp.Regexp
	prefix  []string // what stands before the group in a module's name
	modules []string
}

// signs are what kmod, the kernel's files, iptables, mount(2), netlink and
// kube-proxy say.
func signs() []sign {
	re := regexp.MustCompile
	return []sign{
		{says: re(`modprobe: (?:FATAL|ERROR): (?:Module |could not insert ['"])([\w-]+)`), prefix: []string{""}},
		{says: re(`/proc/sys/net/bridge/[\w-]*: no such file or directory`), modules: []string{"br_netfilter"}},
		{says: re(`/proc/sys/net/(?:netfilter/)?nf_conntrack\w*: no such file or directory`), modules: []string{"nf_conntrack"}},
		{says: re("can't initialize iptables table [`'\"]+(\\w+)"), prefix: []string{"iptable_"}},
		{says: re(`Extension (\w+) revision \d+ not supported, missing kernel module`), prefix: []string{"xt_"}},
		{says: re(`overlay.*no such device`), modules: []string{"overlay"}},
		{says: re(`vxlan.*(?:operation not supported|unknown device type)`), modules: []string{"vxlan"}},
		{says: re(`wireguard.*(?:operation not supported|unknown device type)`), modules: []string{"wireguard"}},
		{says: re(`(?i)ipvs not supported|an't use the IPVS proxier`), modules: []string{"ip_vs"}},
		{says: re(`(?i)not create dummy VS`), modules: []string{"ip_vs", "ip_vs_rr"}},
	}
}

// missed is who misses a module, and how that shows.
func missed(s *snapshot.Snapshot, n snapshot.NeededModule) []finding.Fact {
	var out []finding.Fact
	if n.Name == "br_netfilter" && n.State != "unknown" && s.Sysctls != nil && s.Network != nil && ground.Pods(s.Network) > 0 && ground.Bridged(s) {
		if x, ok := s.Sysctls.Key("net.bridge.bridge-nf-call-iptables"); ok && !x.There {
			out = append(out, finding.Fact{Source: x.Path, Got: "not there, and pods' interfaces are ports of a bridge", Want: "1: else pods of one bridge do not reach each other through a Service"})
		}
	}
	if s.Logs == nil {
		return out
	}
	for _, o := range s.Logs.Observations {
		if own(o.Source) && s.At.Sub(o.Last) <= since && lacks(s.Modules, o.Sample, n.Name) {
			out = append(out, finding.Fact{Source: o.Source, Got: o.Sample, At: o.Last, Want: n.Name + " in the kernel"})
		}
	}
	for _, b := range s.Logs.Bursts {
		if own(b.Source) && s.At.Sub(b.Last) <= since && lacks(s.Modules, b.Sample, n.Name) {
			out = append(out, finding.Fact{Source: b.Source, Got: b.Sample, At: b.Last, Want: n.Name + " in the kernel"})
		}
	}
	for _, t := range s.Logs.Tails {
		if f, ok := tail(s, t, n.Name); ok && own(t.Source) && !slices.ContainsFunc(out, func(x finding.Fact) bool { return x.Source == t.Source }) {
			out = append(out, f)
		}
	}
	return out[:min(len(out), 3)]
}

// own reports whether a log is of what needs the modules: the runtime, the
// kubelet, and the containers of the system. What the kernel and systemd say
// may be of anything.
func own(source string) bool {
	return source == "journal:containerd.service" || source == "journal:crio.service" || source == "journal:kubelet.service" || strings.HasPrefix(source, "/var/log/pods/")
}

// tail finds the last line of a log's end that misses the module.
func tail(s *snapshot.Snapshot, t snapshot.LogTail, name string) (finding.Fact, bool) {
	for _, l := range slices.Backward(t.Lines) {
		stamp, text, _ := strings.Cut(l, " ")
		at, err := time.Parse(time.RFC3339, stamp)
		if err == nil && s.At.Sub(at) <= since && lacks(s.Modules, text, name) {
			return finding.Fact{Source: t.Source, Got: text, At: at, Want: name + " in the kernel"}, true
		}
	}
	return finding.Fact{}, false
}

// lacks reports whether a line says that the kernel lacks the module.
func lacks(m *snapshot.Modules, line, name string) bool {
	for _, x := range signs() {
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
