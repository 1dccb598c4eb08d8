package ground

import (
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Said are the lines of the logs of what Kubernetes works by, its runtime, the
// kubelet and the containers of the system, that say something: not older than
// within, one of each log and at most three. What the kernel and systemd say
// may be of anything and is not asked.
func Said(s *snapshot.Snapshot, within time.Duration, says func(source, line string) bool) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	add := func(source, line string, at time.Time) {
		again := slices.ContainsFunc(out, func(f finding.Fact) bool { return f.Source == source })
		if len(out) < 3 && !again && component(source) && s.At.Sub(at) <= within && says(source, line) {
			out = append(out, finding.Fact{Source: source, Got: line, At: at})
		}
	}
	for _, o := range s.Logs.Observations {
		add(o.Source, o.Sample, o.Last)
	}
	for _, b := range s.Logs.Bursts {
		add(b.Source, b.Sample, b.Last)
	}
	for _, t := range s.Logs.Tails {
		for _, l := range slices.Backward(t.Lines) {
			stamp, text, _ := strings.Cut(l, " ")
			if at, err := time.Parse(time.RFC3339, stamp); err == nil {
				add(t.Source, text, at)
			}
		}
	}
	return out
}

// component reports whether a log is of a component of the node.
func component(source string) bool {
	return source == "journal:containerd.service" || source == "journal:crio.service" || source == "journal:docker.service" ||
		source == "journal:kubelet.service" || source == "journal:etcd.service" || strings.HasPrefix(source, "/var/log/pods/")
}
