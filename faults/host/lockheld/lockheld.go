// Package lockheld is the fault of a file lock that is held by a process that
// has no business with it.
package lockheld

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "host/lockheld",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionLocks},
	Uses:     []snapshot.Section{snapshot.SectionPersistence},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.LockWaits, Strength: symptom.Usually}},
	Remedy:   remedy,
}

// A door is a file whose lock some programs take, and who they are.
type door struct {
	suffix  string
	holders []string // parts of the names of programs
	what    string
}

var doors = []door{
	{"/xtables.lock", []string{"iptables", "ip6tables", "xtables", "kube-proxy", "kubelet", "flannel", "calico", "felix", "cilium", "antrea", "kube-router", "weave", "docker", "podman", "netavark",
		"portmap", "firewall", "bridge", "bandwidth", "nft", "containerd", "crio", "ufw", "fail2ban"}, "nobody else can change the packet filter"},
	{"/var/lib/etcd/member/snap/db", []string{"etcd"}, "etcd cannot open its database"},
	{"/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db", []string{"containerd"}, "containerd cannot open its database"},
	{"/var/lib/dpkg/lock-frontend", []string{"apt", "dpkg", "unattended", "aptitude", "packagekit", "python3", "synaptic"}, "no package can be installed"},
	{"/var/lib/dpkg/lock", []string{"apt", "dpkg", "unattended", "aptitude", "packagekit", "python3", "synaptic"}, "no package can be installed"},
}

// moment is how long a holder has lived that surely does not hold the lock for
// a moment alone.
const moment = 30 * time.Second

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, l := range s.Locks.List {
		i := slices.IndexFunc(doors, func(d door) bool { return strings.HasSuffix(l.Path, d.suffix) })
		if i < 0 || slices.ContainsFunc(out, func(f finding.Finding) bool { return f.Subject.Name == l.Path }) {
			continue
		}
		for _, h := range l.Holders {
			if belongs(doors[i], h) || h.Start.IsZero() || s.At.Sub(h.Start) < moment {
				continue
			}
			out = append(out, tell(s, l, h, doors[i]))
			break
		}
	}
	return out
}

func belongs(d door, h snapshot.LockParty) bool {
	name := path.Base(h.Exe) + " " + h.Name
	return slices.ContainsFunc(d.holders, func(x string) bool { return strings.Contains(name, x) })
}

func tell(s *snapshot.Snapshot, l snapshot.Lock, h snapshot.LockParty, d door) finding.Finding {
	f := finding.Finding{
		Subject: finding.Subject{Kind: "lock", Name: l.Path},
		Summary: fmt.Sprintf("%s (PID %d) holds the lock of %s, and %s", h.Name, h.PID, l.Path, d.what),
		Facts: []finding.Fact{
			{Source: "/proc/locks", Line: l.Line, Got: l.Raw, Want: "held for moments, by who uses it"},
			{Source: fmt.Sprintf("/proc/%d/cmdline", h.PID), Got: strings.Join(h.Args, " "), Want: "no such process", At: h.Start},
		},
		Commands: []string{"lslocks", fmt.Sprintf("ps -o pid,ppid,lstart,args -p %d", h.PID), "fuser -v " + l.Path},
	}
	for _, w := range l.Waiting {
		f.Facts = append(f.Facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/cmdline", w.PID), Got: "waits: " + strings.Join(w.Args, " ")})
	}
	does := locks(l.Path)
	f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
	return f
}

// locks reports whether a line takes the lock of that path, and of no other.
func locks(file string) func(string) bool {
	return func(line string) bool {
		return strings.Contains(line, "lock") && ground.Names(line, file)
	}
}

// remedy takes away who holds it by itself: the unit is stopped, and its
// process with it.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	hands := ground.Hands(s, locks(f.Subject.Name))
	if !slices.ContainsFunc(hands, func(p snapshot.Persistent) bool { return p.Kind == "service" && p.Running }) {
		return nil, errors.New("cannot free the lock: no unit runs who holds it; look at the process, and end it")
	}
	return fault.UprootAll(hands, "it holds the lock of "+f.Subject.Name)
}
