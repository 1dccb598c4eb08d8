// Package bootarg is the fault of an argument that the kernel was started with
// and that takes away what a component of the node asks for.
package bootarg

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. Modules that the command line bars
// are host/module, the hierarchy of cgroup v1 is kubelet/cgroupv1.
var Fault = &fault.Fault{
	ID:     "host/bootarg",
	Layer:  fault.Host,
	Needs:  []snapshot.Section{snapshot.SectionKernel},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionCluster},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxRefused, Strength: symptom.Sometimes},
		{Symptom: symptom.ContainersFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
	},
}

// since is how old a complaint may be: what fails is tried again every five
// minutes at last.
const since = 15 * time.Minute

// A loss is what an argument takes away, and the line in which a component
// misses just that.
type loss struct {
	arg, what string
	says      func(line string) bool
}

// absent matches how it is said that something is not there.
var absent = regexp.MustCompile(`(?i)missing|not mounted|not available|unavailable|not found|no such|not enabled|not supported`)

// losses are what the kernel's arguments take away. Of an argument that is
// given twice the last one counts, but for lists, which add up.
func losses(cmdline string) []loss {
	var out []loss
	last := map[string]string{}
	for _, arg := range words(cmdline) {
		key, value, _ := strings.Cut(arg, "=")
		last[key] = arg
		if key != "cgroup_disable" {
			continue
		}
		for _, controller := range strings.Split(value, ",") {
			whole := regexp.MustCompile(`\b` + regexp.QuoteMeta(controller) + `\b`)
			out = append(out, loss{arg, "the cgroup controller " + controller, func(line string) bool {
				about := strings.Contains(strings.ToLower(line), "cgroup") || strings.Contains(line, "controller")
				return controller != "" && about && absent.MatchString(line) && whole.MatchString(line)
			}})
		}
	}
	if arg := last["ipv6.disable"]; arg == "ipv6.disable=1" {
		out = append(out, loss{arg, "IPv6", func(line string) bool { return strings.Contains(line, "address family not supported by protocol") }})
	}
	armor := func(line string) bool {
		return strings.Contains(line, "AppArmor") && (strings.Contains(line, "not enabled") || strings.Contains(line, "annot enforce"))
	}
	if arg := last["apparmor"]; arg == "apparmor=0" {
		out = append(out, loss{arg, "AppArmor", armor})
	} else if list, ok := strings.CutPrefix(last["lsm"], "lsm="); ok && !slices.Contains(strings.Split(list, ","), "apparmor") {
		out = append(out, loss{last["lsm"], "AppArmor", armor})
	}
	return out
}

// words are the arguments for the kernel: what stands behind -- is init's, and
// a value in quotes may have blanks.
func words(cmdline string) []string {
	quoted := false
	list := strings.FieldsFunc(cmdline, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\n' || r == '\t')
	})
	for i, w := range list {
		if w == "--" {
			return list[:i]
		}
		list[i] = strings.ReplaceAll(w, `"`, "")
	}
	return list
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, l := range losses(s.Kernel.Cmdline) {
		facts := missed(s, l)
		if len(facts) == 0 {
			continue
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "argument", Name: l.arg},
			Summary:  fmt.Sprintf("the kernel was started with %s, and %s, which is missed, is not there", l.arg, l.what),
			Facts:    slices.Concat([]finding.Fact{{Source: "/proc/cmdline", Line: 1, Got: l.arg, Want: "not given"}}, given(s.Kernel, l.arg), facts),
			Commands: []string{"cat /proc/cmdline", "grep -rn " + l.arg + " /etc/default/grub* /etc/kernel /boot/loader /boot/grub/grub.cfg"},
		})
	}
	return out
}

// missed is who misses what the argument takes away.
func missed(s *snapshot.Snapshot, l loss) []finding.Fact {
	out := ground.Said(s, since, func(_, line string) bool { return l.says(line) })
	if s.Cluster == nil {
		return out
	}
	for _, e := range s.Cluster.Events {
		if e.Host == s.Node && e.Type == "Warning" && s.At.Sub(e.Last) <= since && l.says(e.Message) {
			return append(out, finding.Fact{Source: "event of " + e.Object + " in " + e.Namespace, Got: e.Message, At: e.Last})
		}
	}
	return out
}

// given are the lines of the boot loader's files with the argument.
func given(k *snapshot.Kernel, arg string) []finding.Fact {
	var out []finding.Fact
	for _, b := range k.Boot {
		if slices.Contains(words(b.Args), arg) && len(out) < 3 {
			out = append(out, finding.Fact{Source: b.File, Line: b.Line, Got: arg})
		}
	}
	return out
}
