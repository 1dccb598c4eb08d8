package symptom

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// recent is how old a log line may be and still tell of the present. The
// components say what hurts them several times a minute.
const recent = 45 * time.Second

// KubernetesNode reports whether anything on the machine says that it is, or
// was meant to be, a node of a cluster. Where nothing does, a kubelet that
// does not run is no symptom.
func KubernetesNode(s *snapshot.Snapshot) bool {
	if k := s.Kubelet; k != nil && (k.Running || k.Config != nil || k.Kubeconfig != "") {
		return true
	}
	if s.Static != nil && len(s.Static.Manifests) > 0 {
		return true
	}
	if s.Systemd != nil {
		u, ok := s.Systemd.Unit("kubelet.service")
		if ok && u.Load != "not-found" && (u.Path != "" || u.Load == "loaded") {
			return true
		}
	}
	return s.Cluster != nil && (s.Cluster.ControlPlane || len(s.Cluster.Nodes) > 0)
}

const (
	// shortOfCPU is the share of time, in percent, in which some task waited
	// for a CPU, from which latencies tell of the CPU and no more of what was
	// asked.
	shortOfCPU = 75
	// patience is the most by which times are then stretched.
	patience = 20
)

// slack is by how much longer everything may take on a node that was short of
// CPU while it was measured: 1 as long as there are no more tasks than CPUs,
// and twice as many tasks as each CPU then had.
func slack(s *snapshot.Snapshot) float64 {
	if s.Host == nil {
		return 1
	}
	for _, p := range s.Host.Pressure {
		if p.Resource == "cpu" && p.Some10 >= shortOfCPU {
			return patience
		}
	}
	if len(s.Host.Load) == 0 || s.Host.CPUs <= 0 || s.Host.Load[0] <= float64(s.Host.CPUs) {
		return 1
	}
	return min(patience, 2*s.Host.Load[0]/float64(s.Host.CPUs))
}

// verdict is Seen with the facts, when there are any, else Absent.
func verdict(facts []finding.Fact) (State, []finding.Fact) {
	if len(facts) == 0 {
		return Absent, nil
	}
	return Seen, facts
}

// saw is Seen with one fact.
func saw(source, got, want string) (State, []finding.Fact) {
	return Seen, []finding.Fact{{Source: source, Got: got, Want: want}}
}

// logged returns a fact for each recent observation with one of the IDs.
func logged(s *snapshot.Snapshot, within time.Duration, ids ...string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var facts []finding.Fact
	for _, id := range ids {
		for _, o := range s.Logs.Seen(id, s.At, within) {
			facts = append(facts, finding.Fact{Source: o.Source, Got: clip(o.Sample), At: o.Last})
		}
	}
	return facts
}

// clip cuts a log line to what a person reads at a glance.
func clip(line string) string {
	const most = 300
	line = strings.TrimSpace(line)
	if len(line) <= most {
		return line
	}
	return strings.ToValidUTF8(line[:most], "") + " ..."
}

func ms(x float64) string {
	if x >= 1000 {
		return fmt.Sprintf("%.1f s", x/1000)
	}
	return fmt.Sprintf("%.3g ms", x)
}

// orWords returns a, or b when a is empty.
func orWords(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
