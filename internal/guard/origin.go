package guard

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/snapshot"
)

// podEntry is what makes the pod again in which a hand is: the static pod's
// manifest, or what owns the pod. The runtime's unit, from which every
// container descends, says nothing of it.
func podEntry(s *snapshot.Snapshot, h Hand) (Entry, bool) {
	namespace, name, named := strings.Cut(h.Pod, "/")
	if !named {
		return Entry{}, false
	}
	if s.Static != nil {
		for _, m := range s.Static.Manifests {
			if m.Name != "" && m.Name+"-"+s.Node == name && (m.Namespace == namespace || m.Namespace == "" && namespace == "default") {
				return Entry{Kind: "static-pod", Source: m.Path, Text: "the kubelet runs " + h.Pod + " as long as this file is there", Sure: h.Known}, true
			}
		}
	}
	e := Entry{Kind: "pod", Source: h.Pod, Text: "nothing is known that would make it again", Sure: h.Known}
	if s.Cluster != nil {
		for _, p := range s.Cluster.Pods {
			if p.Namespace == namespace && p.Name == name && p.Owner != "" {
				e.Text = fmt.Sprintf("made again by %s in namespace %s", p.Owner, namespace)
			}
		}
	}
	return e, true
}

// ranBy are the kinds of entries that a unit runs for others.
var ranBy = map[string][]string{
	"cron.service": {"crontab", "cron.d", "cron-spool", "cron-dir", "anacron"}, "crond.service": {"crontab", "cron.d", "cron-spool", "cron-dir", "anacron"},
	"anacron.service": {"anacron", "cron-dir"}, "atd.service": {"at"},
}

// ranFor are the kinds that may have started a process by what ran it; nil
// where nothing is known of that.
func ranFor(line []proc.Process) []string {
	for _, x := range line {
		if kinds := ranBy[x.Unit]; kinds != nil {
			return kinds
		}
	}
	switch {
	case len(line) == 0 || !readsProfile(line[0]):
		return nil
	case len(line[0].Args) == 1 && !strings.HasPrefix(line[0].Args[0], "-"):
		return []string{"profile", "at"} // somebody's, or one that reads a job from its input
	}
	return []string{"profile"}
}

// readsProfile reports whether a process is a shell that begins with what is in
// its profile: one of a login, or an interactive one.
func readsProfile(p proc.Process) bool {
	if len(p.Args) == 0 || !slices.Contains(shells[:3], strings.TrimPrefix(filepath.Base(p.Args[0]), "-")) {
		return false
	}
	if strings.HasPrefix(p.Args[0], "-") {
		return true
	}
	for _, a := range p.Args[1:] {
		short := len(a) > 1 && a[0] == '-' && a[1] != '-'
		switch {
		case a == "--login" || short && strings.ContainsAny(a, "li"):
			return true
		case short && strings.Contains(a, "c") || !strings.HasPrefix(a, "-"):
			return false // a command or a script
		}
	}
	return len(p.Args) == 1
}

// gone is the entry of a hand whose entry ended with its run: a job of at leaves
// the spool when it begins.
func gone(line []proc.Process, known bool) (Entry, bool) {
	if !slices.ContainsFunc(line, func(p proc.Process) bool { return p.Unit == "atd.service" }) {
		return Entry{}, false
	}
	return Entry{Kind: "at", Source: "/var/spool/cron/atjobs", Text: "a job of at, gone from the spool since it began: atq lists those that are to come", Sure: known}, true
}
