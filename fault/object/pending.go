package object

import (
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Pending are the pods that the scheduler looked at and found no node for.
func Pending(c *snapshot.Cluster) []snapshot.Pod {
	var out []snapshot.Pod
	for _, p := range c.Pods {
		if p.Node == "" && p.Phase == "Pending" && p.Reason == "Unschedulable" && !p.Deleting {
			out = append(out, p)
		}
	}
	return out
}

// Waiting are the pods that no node was found for, those included that no
// scheduler has looked at.
func Waiting(c *snapshot.Cluster) []snapshot.Pod {
	out := Pending(c)
	for _, p := range c.Pods {
		if p.Node == "" && p.Phase == "Pending" && p.Reason == "" && !p.Deleting {
			out = append(out, p)
		}
	}
	return out
}

// Said is what the scheduler said of a pod, without what it said of preemption.
func Said(p snapshot.Pod) finding.Fact {
	text, _, _ := strings.Cut(p.Message, " no new claims")
	text, _, _ = strings.Cut(text, " preemption:")
	if text == "" {
		text = "no scheduler has looked at it"
	}
	return finding.Fact{Source: "pods/" + p.Namespace + "/" + p.Name, Got: "no node: " + text, Want: "a node"}
}

// Owner is the workload that a pod belongs to, as far as its name tells: a
// ReplicaSet's is that of its Deployment and a hash.
func Owner(p snapshot.Pod) (kind, name string) {
	kind, name, ok := strings.Cut(p.Owner, "/")
	if !ok {
		return "Pod", p.Name
	}
	if i := strings.LastIndexByte(name, '-'); kind == "ReplicaSet" && i > 0 {
		return "Deployment", name[:i]
	}
	return kind, name
}

// Tolerates reports whether a pod tolerates a taint, both as a snapshot has
// them. Of a pod without details it is not known, and said to be so.
func Tolerates(p snapshot.Pod, taint string) bool {
	if p.Detail == nil {
		return true
	}
	key, effect, _ := strings.Cut(taint, ":")
	key, value, _ := strings.Cut(key, "=")
	return slices.ContainsFunc(p.Detail.Tolerations, func(t string) bool {
		t, _, _ = strings.Cut(t, " for ")
		k, e, _ := strings.Cut(t, ":")
		k, v, equals := strings.Cut(k, "=")
		return (k == "*" || k == key) && (!equals || v == value) && (e == "" || e == effect)
	})
}

// Quantity is an amount as Kubernetes writes it; false when it is none.
func Quantity(text string) (float64, bool) {
	n := strings.TrimRight(text, "EPTGMKkim")
	x, err := strconv.ParseFloat(n, 64)
	if err != nil {
		return 0, false
	}
	scale := map[string]float64{"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60}
	s, ok := scale[text[len(n):]]
	return x * s, ok
}

// Requests is how much a pod asks for, of cpu in cores and of the rest in its
// units. Containers that run before the others count as far as they ask for
// more.
func Requests(p snapshot.Pod) map[string]float64 {
	sum, first := map[string]float64{}, map[string]float64{}
	if p.Detail == nil {
		return sum
	}
	for _, c := range p.Detail.Containers {
		for k, v := range c.Requests {
			x, ok := Quantity(v)
			switch {
			case ok && c.Init:
				first[k] = max(first[k], x)
			case ok:
				sum[k] += x
			}
		}
	}
	for k, x := range first {
		sum[k] = max(sum[k], x)
	}
	return sum
}
