// Package sysctl is the fault of a setting of the kernel with which the node
// cannot do its work.
package sysctl

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "host/sysctl",
	Layer:  fault.Host,
	Needs:  []snapshot.Section{snapshot.SectionSysctls},
	Uses:   []snapshot.Section{snapshot.SectionNetwork, snapshot.SectionKubelet, snapshot.SectionDescriptors, snapshot.SectionPersistence},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.PodTrafficSlow, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.LimitReached, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
}

// A need is a value that this node cannot do without.
type need struct{ key, want, why string }

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, n := range needs(s) {
		x, _ := s.Sysctls.Key(n.key)
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "sysctl", Name: n.key},
			Summary:  fmt.Sprintf("%s is %s, and %s", n.key, x.Value, n.why),
			Facts:    []finding.Fact{{Source: x.Path, Got: x.Value, Want: n.want}},
			Commands: []string{"sysctl " + n.key, "systemd-analyze cat-config sysctl.d | grep -n " + n.key},
		}
		for _, l := range x.Set {
			got := l.Raw
			if l.Wins {
				got += " (wins at boot)"
			}
			f.Facts = append(f.Facts, finding.Fact{Source: l.File, Line: l.Line, Got: got})
		}
		does := sets(n)
		f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
		out = append(out, f)
	}
	return out
}

// needs are the values that the node lacks, judged by what it runs.
func needs(s *snapshot.Snapshot) []need {
	var out []need
	is := func(key, value string) bool { x, ok := s.Sysctls.Key(key); return ok && x.There && x.Value == value }
	pods := ground.Pods(s.Network)
	four := pods > 0 && !onlySix(s)
	if four && is("net.ipv4.ip_forward", "0") {
		out = append(out, need{"net.ipv4.ip_forward", "1", "packets between pods and other machines are not forwarded"})
	}
	if four && ground.Bridged(s) && is("net.bridge.bridge-nf-call-iptables", "0") {
		out = append(out, need{"net.bridge.bridge-nf-call-iptables", "1", "pods of one bridge do not reach each other through a Service"})
	}
	for _, kind := range []string{"net", "mnt", "pid", "ipc", "uts"} {
		key := "user.max_" + kind + "_namespaces"
		if n, ok := number(s, key); ok && n <= pods {
			out = append(out, need{key, "thousands", "no namespace can be made for one more pod"})
		}
	}
	if key := "fs.inotify.max_user_instances"; s.Descriptors != nil {
		if n, ok := number(s, key); ok && instances(s.Descriptors) >= n && n > 0 {
			out = append(out, need{key, strconv.Itoa(max(8192, 4*n)), "root has no inotify instance left"})
		}
	}
	return append(out, protected(s, is)...)
}

// onlySix reports whether the pods have addresses of IPv6, and none of IPv4,
// to which the settings of IPv4 do nothing.
func onlySix(s *snapshot.Snapshot) bool {
	six := false
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			for _, a := range l.Addresses {
				p, err := netip.ParsePrefix(a)
				if n.Pod == "" || err != nil || !p.Addr().IsGlobalUnicast() {
					continue
				}
				if p.Addr().Is4() {
					return false
				}
				six = true
			}
		}
	}
	return six
}

func number(s *snapshot.Snapshot, key string) (int, bool) {
	x, ok := s.Sysctls.Key(key)
	if !ok || !x.There {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(x.Value))
	return n, err == nil && n >= 0
}

// instances is how many inotify instances root's processes hold.
func instances(d *snapshot.Descriptors) int {
	n := 0
	for _, w := range d.Watches {
		if w.UID == 0 {
			n += w.Inotify
		}
	}
	return n
}

// protected are the values that a kubelet with protectKernelDefaults wants to
// find: pkg/kubelet/cm, setupKernelTunables.
func protected(s *snapshot.Snapshot, is func(key, value string) bool) []need {
	if s.Kubelet == nil || s.Kubelet.Effective["protectKernelDefaults"].Value != "true" || strings.TrimSpace(s.Kubelet.Healthz) == "ok" {
		return nil
	}
	var out []need
	for _, n := range []need{
		{"vm.overcommit_memory", "1", ""}, {"vm.panic_on_oom", "0", ""}, {"kernel.panic", "10", ""}, {"kernel.panic_on_oops", "1", ""},
		{"kernel.keys.root_maxkeys", "1000000", ""}, {"kernel.keys.root_maxbytes", "25000000", ""},
	} {
		if x, ok := s.Sysctls.Key(n.key); ok && x.There && !is(n.key, n.want) {
			n.why = "the kubelet, which may not change it (protectKernelDefaults), does not start"
			out = append(out, n)
		}
	}
	return out
}

// sets reports whether a line of shell sets the key to another value than the
// node needs. Who reads it, or sees to that value, is no hand in it.
func sets(n need) func(string) bool {
	slashed := strings.ReplaceAll(n.key, ".", "/")
	assigns := regexp.MustCompile(`sysctl.*[\s"'](?:` + regexp.QuoteMeta(n.key) + `|` + slashed + `)\s*=\s*["']?([^\s"';|&]*)`)
	writes := regexp.MustCompile(`(?:(?:echo|printf)\s+(?:-\w+\s+)*["']?([^\s"';|&>]+).*)?(?:>\s*|\btee\s.*)["']?/proc/sys/` + slashed + `(?:["'\s;|&)]|$)`)
	return func(line string) bool {
		for _, re := range []*regexp.Regexp{assigns, writes} {
			if m := re.FindStringSubmatch(line); m != nil && strings.TrimSuffix(m[1], `\n`) != n.want {
				return true
			}
		}
		return false
	}
}

// remedy sets the value, now and by a file that is applied after all others.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	key := f.Subject.Name
	for _, n := range needs(s) {
		x, _ := s.Sysctls.Key(key)
		if n.key != key {
			continue
		}
		if strings.Trim(n.want, "0123456789") != "" {
			return nil, fmt.Errorf("cannot set %s: how many the node may have is for a person", key)
		}
		plan, err := fault.UprootAll(ground.Hands(s, sets(n)), "it sets "+key+" again")
		if err != nil {
			return nil, err
		}
		if l, ok := x.Wanted(); !ok || l.Value != n.want {
			plan = append(plan, op.WriteFile{Path: "/etc/sysctl.d/zz-" + key + ".conf", Data: []byte(key + " = " + n.want + "\n"), Mode: 0o644, Why: "it is applied last"})
		}
		return append(plan, op.Sysctl{Name: key, Old: x.Value, New: n.want}), nil
	}
	return nil, fmt.Errorf("cannot set %s: it is as the node needs it", key)
}
