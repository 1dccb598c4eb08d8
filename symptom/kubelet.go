package symptom

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Symptoms of the kubelet.
const (
	KubeletCrashing   ID = "kubelet-crashing"    // the kubelet starts and ends again
	KubeletDown       ID = "kubelet-down"        // the kubelet does not run or does not answer
	KubeletRejected   ID = "kubelet-rejected"    // the API server does not accept the kubelet
	PodsUnwatched     ID = "pods-unwatched"      // the kubelet cannot list its pods in time (PLEG)
	StaticPodsMissing ID = "static-pods-missing" // the kubelet runs, and none of the control plane's static pods
	KubeletPortDead   ID = "kubelet-port-dead"   // the kubelet's own port does not serve
)

// leaseFresh is how old a lease may be whose holder is surely at work: the
// kubelet renews every 10 s, the controllers every 2 s.
const leaseFresh = 15 * time.Second

func kubelets() []Symptom {
	return []Symptom{{
		ID: KubeletCrashing, Title: "the kubelet starts and ends again and again",
		LeadsTo: []Edge{here(KubeletDown, Usually), here(NodeNotReady, Usually), here(PodsNotStarting, Usually)},
		Observe: kubeletCrashing,
	}, {
		ID: KubeletDown, Title: "the kubelet does not run or does not answer",
		LeadsTo: []Edge{here(NodeNotReady, Always), here(PodsNotStarting, Usually)},
		Observe: kubeletDown,
	}, {
		ID: KubeletRejected, Title: "the API server does not accept the kubelet", Stored: true,
		LeadsTo: []Edge{here(NodeNotReady, Always), here(PodsNotStarting, Usually)},
		Observe: kubeletRejected,
	}, {
		ID: PodsUnwatched, Title: "the kubelet cannot list its pods in time",
		LeadsTo: []Edge{here(NodeNotReady, Always), here(PodsNotStarting, Usually)},
		Observe: podsUnwatched,
	}, {
		ID: StaticPodsMissing, Title: "the kubelet runs, but none of the control plane's static pods",
		LeadsTo: []Edge{everywhere(EtcdDown, Usually), everywhere(APIDown, Usually), everywhere(ControllersIdle, Usually), everywhere(SchedulerIdle, Usually), here(ComponentDown, Usually)},
		Observe: staticPodsMissing,
	}, {
		ID: KubeletPortDead, Title: "the kubelet's own port does not serve: no logs, no exec, no metrics",
		Observe: kubeletPortDead,
	}}
}

func kubeletDown(s *snapshot.Snapshot) (State, []finding.Fact) {
	k := s.Kubelet
	switch {
	case k == nil || !KubernetesNode(s):
		return NotLooked, nil
	case strings.TrimSpace(k.Healthz) == "ok":
		return Absent, nil
	case !k.Running:
		return saw("kubelet", "no process of it runs", "a running kubelet")
	case healthzOff(k):
		return Absent, nil
	case k.Healthz != "":
		return saw("http://127.0.0.1:10248/healthz", clip(k.Healthz), "ok")
	case k.HealthErr == "":
		return NotLooked, nil // nobody asked: the files of another root
	case strings.Contains(k.HealthErr, "deadline exceeded") && renews(s):
		return NotLooked, nil // it works, and is late on a busy node
	}
	return saw("http://127.0.0.1:10248/healthz", k.HealthErr, "ok")
}

// renews reports whether the kubelet has just renewed its lease.
func renews(s *snapshot.Snapshot) bool {
	l, ok := nodeLease(s)
	return ok && s.At.Sub(l.Renewed) <= leaseFresh
}

// healthzOff reports whether the configuration switches the health port off.
func healthzOff(k *snapshot.Kubelet) bool {
	if k.Config == nil {
		return false
	}
	line, _ := k.Config.Find("healthzPort:")
	_, port, _ := strings.Cut(line, ":")
	return line != "" && strings.TrimSpace(port) == "0"
}

// kubeletRejected believes a fresh lease first, then the certificate, then
// the log.
func kubeletRejected(s *snapshot.Snapshot) (State, []finding.Fact) {
	if renews(s) {
		return Absent, nil
	}
	if c, ok := kubeletCert(s); ok {
		switch {
		case c.Error != "":
			return saw(c.Path, c.Error, "a certificate")
		case !c.NotAfter.IsZero() && s.At.After(c.NotAfter):
			return saw(c.Path, fmt.Sprintf("expired at %s", c.NotAfter.UTC().Format(time.RFC3339)), "a certificate in its time")
		case s.At.Before(c.NotBefore):
			return saw(c.Path, fmt.Sprintf("not valid before %s", c.NotBefore.UTC().Format(time.RFC3339)), "a certificate in its time")
		}
	}
	if s.Logs == nil || s.Offline {
		return NotLooked, nil
	}
	return verdict(refusals(s))
}

// refusals are the kubelet's own complaints about its credentials, believed
// while it also says that it cannot renew its lease.
func refusals(s *snapshot.Snapshot) []finding.Fact {
	if len(logged(s, recent, logLeaseFailed)) == 0 {
		return nil
	}
	var facts []finding.Fact
	for _, f := range logged(s, recent, logUnauthorized, logCertExpired, logX509) {
		if strings.Contains(f.Source, "kubelet") {
			facts = append(facts, f)
		}
	}
	return facts
}

func nodeLease(s *snapshot.Snapshot) (snapshot.Lease, bool) {
	if s.Cluster == nil {
		return snapshot.Lease{}, false
	}
	for _, l := range s.Cluster.Leases {
		if l.Namespace == "kube-node-lease" && l.Name == s.Node {
			return l, true
		}
	}
	return snapshot.Lease{}, false
}

func kubeletCert(s *snapshot.Snapshot) (snapshot.Certificate, bool) {
	if s.Kubelet == nil || s.PKI == nil || s.Kubelet.ClientCert == "" {
		return snapshot.Certificate{}, false
	}
	for _, c := range s.PKI.Certificates {
		if c.Path == s.Kubelet.ClientCert && !c.CA {
			return c, true
		}
	}
	return snapshot.Certificate{}, false
}
