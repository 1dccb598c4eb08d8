package symptom

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of traffic.
const (
	PodTrafficSlow     ID = "pod-traffic-degraded" // packets to or from pods are late or lost
	ServiceUnreachable ID = "service-degraded"     // a Service is slow or does not answer
	NodePortDegraded   ID = "nodeport-degraded"    // a node port is slow or does not answer
	DNSFailing         ID = "cluster-dns-failing"  // names do not resolve, or late

	ControlPlanePortBlocked ID = "control-plane-port-blocked" // a port is listened on and does not answer
)

const (
	// fewLost is how many tries of a probe must be lost: one can be chance.
	fewLost = 2
	// lostShare is the least share of tries lost.
	lostShare = 0.25
	// lateMs is a median that no healthy path inside a cluster reaches, when
	// it is also lateTimes the best of the same snapshot.
	lateMs    = 20
	lateTimes = 5
	// lateAnywayMs is late whatever the others are, since all of them may go
	// through the same interface.
	lateAnywayMs = 100
	// lateUsual is how many times as long as three quarters of at least fewUsual
	// others is late on a node that is short of CPU too, since most of those have
	// waited for it as long.
	lateUsual = 15
	fewUsual  = 8
	// lateNameMs is a late answer of the cluster's name server, which works
	// on the CPU it is given.
	lateNameMs = 500
)

// ports is the symptom of the control plane's ports, which its parts suffer
// from too.
func ports() []Symptom {
	return []Symptom{{
		ID: ControlPlanePortBlocked, Title: "a port of the control plane is listened on and does not answer",
		LeadsTo: []Edge{everywhere(APIDown, Sometimes), here(EtcdDown, Sometimes), here(ComponentDown, Sometimes), here(KubeletPortDead, Sometimes)},
		Observe: portBlocked,
	}}
}

// paths is the symptom of the way to a pod, which workloads suffer from too.
func paths() []Symptom {
	return []Symptom{{
		ID: PodTrafficSlow, Title: "packets to or from pods are late or lost",
		LeadsTo: []Edge{everywhere(ServiceUnreachable, Usually), everywhere(NodePortDegraded, Sometimes), everywhere(DNSFailing, Sometimes),
			everywhere(PodsCrashing, Sometimes), everywhere(PodsUnready, Sometimes), everywhere(ServiceNoEndpoints, Sometimes)},
		Observe: probing(lateAnywayMs, "pod", "tcp"),
	}}
}

func traffic() []Symptom {
	return []Symptom{{
		ID: ServiceUnreachable, Title: "a Service is slow or does not answer",
		LeadsTo: []Edge{everywhere(NodePortDegraded, Sometimes), everywhere(DNSFailing, Sometimes), everywhere(APIPartDown, Sometimes)},
		Observe: probing(lateAnywayMs, "service", "https"),
	}, {
		ID: NodePortDegraded, Title: "a node port is slow or does not answer",
		Observe: probing(lateAnywayMs, "nodeport"),
	}, {
		ID: DNSFailing, Title: "cluster names do not resolve, or late",
		Observe: dnsFailing,
	}}
}

// dnsFailing looks at the probes of names and, since a Service without an
// endpoint is not probed, at the address that the kubelet gives to pods.
func dnsFailing(s *snapshot.Snapshot) (State, []finding.Fact) {
	state, facts := probing(lateNameMs, "dns")(s)
	for _, a := range unserved(s) {
		state, facts = Seen, append(facts, a)
	}
	return state, facts
}

// unserved are addresses that the kubelet gives to pods as their name server,
// of the cluster's Services and with nothing behind them.
func unserved(s *snapshot.Snapshot) []finding.Fact {
	c := s.Cluster
	if s.Kubelet == nil || !told(s) || len(c.Services) == 0 {
		return nil
	}
	subnet, err := netip.ParsePrefix(c.Settings["serviceSubnet"])
	if err != nil {
		return nil
	}
	var facts []finding.Fact
	for _, a := range s.Kubelet.ClusterDNS {
		ip, err := netip.ParseAddr(a)
		if err != nil || !subnet.Contains(ip) {
			continue
		}
		f := finding.Fact{Source: "clusterDNS of the kubelet", Got: a + ": no Service has this address", Want: "the address of the cluster's name server"}
		for _, x := range c.Services {
			if !among(a, x.IPs) {
				continue
			}
			f.Got = a + ": no ready endpoint of " + x.Namespace + "/" + x.Name
			if served(c, x) {
				f.Got = ""
			}
			break
		}
		if f.Got != "" {
			facts = append(facts, f)
		}
	}
	return facts
}

// probing looks at the probes of some kinds.
func probing(late float64, kinds ...string) func(*snapshot.Snapshot) (State, []finding.Fact) {
	return func(s *snapshot.Snapshot) (State, []finding.Fact) {
		if s.Probes == nil {
			return NotLooked, nil
		}
		w, looked := paceOf(s), false
		var facts []finding.Fact
		for _, p := range s.Probes.List {
			if !among(p.Kind, kinds) || p.Tries == 0 {
				continue
			}
			gone := nobodyThere(s, p)
			if gone && (p.Kind != "pod" || p.Refused < p.Tries) {
				continue
			}
			looked = looked || !gone // that a kernel refuses at once proves no way
			if why := w.degraded(p, late); why != "" {
				facts = append(facts, finding.Fact{Source: p.Kind + " " + p.From + " -> " + p.To, Got: why, Want: "an answer within milliseconds"})
			}
		}
		if !looked && len(facts) == 0 {
			return NotLooked, nil
		}
		return verdict(facts)
	}
}

func among(x string, list []string) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}

// A pace is how quick the probes of a snapshot are, in milliseconds.
type pace struct {
	best, usual float64 // the quickest, and the one that three quarters do not exceed; 0 of few
	more        float64 // how many times as long all may take
}

func paceOf(s *snapshot.Snapshot) pace {
	var all []float64
	for _, p := range s.Probes.List {
		if p.MedianMs > 0 && p.Lost < p.Tries {
			all = append(all, p.MedianMs)
		}
	}
	w := pace{more: slack(s)}
	if slices.Sort(all); len(all) > 0 {
		w.best = all[0]
	}
	if len(all) >= fewUsual {
		w.usual = all[len(all)*3/4]
	}
	return w
}

// degraded says what is wrong with a probe, or "". Times are more times as
// long on a node that is short of CPU. A refusal is an answer: it comes from the
// kernel at the far end and has gone the same way.
func (w pace) degraded(p snapshot.Probe, late float64) string {
	switch {
	case p.Refused == p.Tries && p.Kind != "pod" && p.Kind != "tcp":
		return "refused" + cause(p)
	case p.Lost >= fewLost && float64(p.Lost) >= lostShare*float64(p.Tries):
		return fmt.Sprintf("%d of %d tries lost%s", p.Lost, p.Tries, cause(p))
	case p.Lost == p.Tries:
		return "no answer" + cause(p)
	case p.MedianMs >= late*w.more:
		return "half of the answers take " + ms(p.MedianMs) + " or more"
	case p.Kind == "dns":
	case p.MedianMs >= lateMs*w.more && p.MedianMs >= lateTimes*w.best:
		return fmt.Sprintf("half of the answers take %s or more, others %s", ms(p.MedianMs), ms(w.best))
	case w.usual > 0 && p.MedianMs >= late && p.MedianMs >= lateUsual*w.usual:
		return fmt.Sprintf("half of the answers take %s or more, %s is usual here", ms(p.MedianMs), ms(w.usual))
	}
	return ""
}

func cause(p snapshot.Probe) string {
	if p.Error == "" {
		return ""
	}
	return ": " + clip(p.Error)
}

// nobodyThere reports whether the target is known to have nothing that could
// answer: a pod that is not ready, a Service without a ready endpoint.
func nobodyThere(s *snapshot.Snapshot, p snapshot.Probe) bool {
	c := s.Cluster
	if c == nil || p.Target == "" {
		return false
	}
	if p.Kind == "pod" {
		for _, x := range c.Pods {
			if x.Namespace+"/"+x.Name == p.Target {
				// Of one that runs, whose own port nobody answers at all, it is
				// the way that is broken: a dead process refuses.
				unreached := x.Phase == "Running" && p.Lost == p.Tries
				return x.Deleting || !x.Ready && !unreached
			}
		}
		return false
	}
	known := false
	for _, e := range c.Endpoints {
		if e.Namespace+"/"+e.Service == p.Target {
			if known = true; e.Ready {
				return false
			}
		}
	}
	if known {
		return true
	}
	return len(c.Endpoints) > 0 && isService(c, p.Target)
}

func isService(c *snapshot.Cluster, name string) bool {
	for _, x := range c.Services {
		if x.Namespace+"/"+x.Name == name {
			return true
		}
	}
	return false
}
