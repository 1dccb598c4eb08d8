// Package immutable is the fault of a file that a component or a repair has to
// write and that nobody may change.
package immutable

import (
	"errors"
	"fmt"
	"slices"
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
	ID:     "host/immutable",
	Layer:  fault.Host,
	Needs:  []snapshot.Section{snapshot.SectionFiles},
	Uses:   []snapshot.Section{snapshot.SectionPersistence, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.SandboxFailing, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

// writers are the folders whose files a component writes by itself, and who.
// What else is fixed, such as /etc/resolv.conf, is somebody's will.
var writers = []struct{ dir, who string }{
	{"/var/lib/kubelet", "the kubelet"}, {"/var/lib/etcd", "etcd"}, {"/var/lib/containerd", "containerd"}, {"/var/lib/cni", "the pod network"}, {"/var/log/pods", "the kubelet"},
}

func writer(path string) string {
	for _, w := range writers {
		if rest, ok := strings.CutPrefix(path, w.dir); ok && (rest == "" || rest[0] == '/') {
			return w.who
		}
	}
	return ""
}

// detect tells of files that components write. Those that only a repair
// writes are quoted with them.
func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range s.Files.Fixed {
		who := writer(x.Path)
		if who == "" {
			continue
		}
		f := finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: x.Path},
			Summary:  fmt.Sprintf("%s is %s: %s writes there, and cannot", x.Path, x.Why, who),
			Facts:    []finding.Fact{{Source: x.Path, Got: fmt.Sprintf("%s (lsattr %s)", x.Why, letter(x)), Want: "no such attribute", At: x.Changed}},
			Commands: []string{"lsattr -d " + x.Path, "chattr -" + letter(x) + " " + x.Path},
		}
		f.Facts = append(f.Facts, refused(s, x.Path)...)
		does := fixes(x.Path)
		f.Facts = append(f.Facts, ground.Facts(ground.Hands(s, does), does)...)
		for _, y := range s.Files.Fixed {
			if writer(y.Path) == "" && strings.HasPrefix(y.Path, "/etc/kubernetes/") && len(f.Facts) < 8 {
				f.Facts = append(f.Facts, finding.Fact{Source: y.Path, Got: y.Why + " too: a repair cannot write it"})
			}
		}
		out = append(out, f)
	}
	return out
}

func letter(x snapshot.Special) string {
	if x.Why == "append-only" {
		return "a"
	}
	return "i"
}

// refused quotes who was not let.
func refused(s *snapshot.Snapshot, path string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, b := range s.Logs.Bursts {
		if strings.Contains(b.Sample, "operation not permitted") && strings.Contains(b.Sample, path) && len(out) < 2 {
			out = append(out, finding.Fact{Source: b.Source, Got: b.Sample, At: b.Last})
		}
	}
	return out
}

// fixes reports whether a line of shell sets the attribute on a path, or on
// one that it does not name.
func fixes(path string) func(string) bool {
	return func(line string) bool {
		return strings.Contains(line, "chattr") && (strings.Contains(line, "+i") || strings.Contains(line, "+a")) && (strings.Contains(line, path) || strings.Contains(line, "$"))
	}
}

// remedy lifts the attribute, when nobody is left who sets it again, and lets
// the kubelet start anew.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	i := slices.IndexFunc(s.Files.Fixed, func(x snapshot.Special) bool { return x.Path == f.Subject.Name })
	if i < 0 {
		return nil, errors.New("cannot lift the attribute: the file is not known")
	}
	x := s.Files.Fixed[i]
	plan, err := fault.UprootAll(ground.Hands(s, fixes(x.Path)), "it makes "+x.Path+" "+x.Why+" again")
	if err != nil {
		return nil, err
	}
	old := op.FileFlags{Immutable: x.Why == "immutable", Append: x.Why == "append-only"}
	plan = append(plan, op.FileAttr{Path: x.Path, Old: old})
	if strings.HasPrefix(x.Path, "/var/lib/kubelet") && s.Kubelet != nil && !s.Kubelet.Running {
		plan = append(plan, op.Unit{Verb: "restart", Name: "kubelet.service"})
	}
	return plan, nil
}

// drill fixes a folder that the kubelet writes to when it starts.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || !s.Kubelet.Running {
		return nil, errors.New("cannot fix the kubelet's files: it does not run")
	}
	at := fault.Pick(d, []string{"/var/lib/kubelet/pod-resources", "/var/lib/kubelet/device-plugins"})
	return op.Plan{op.FileAttr{Path: at, New: op.FileFlags{Immutable: true}}, op.Unit{Verb: "restart", Name: "kubelet.service", MayFail: true}}, nil
}
