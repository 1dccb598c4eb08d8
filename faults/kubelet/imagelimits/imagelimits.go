// Package imagelimits is the fault of a kubelet that pulls images too seldom,
// or takes them away while there is room.
package imagelimits

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/ground"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/imagelimits",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionCluster, snapshot.SectionHost, snapshot.SectionLogs, snapshot.SectionRuntime},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ImagesFailing, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

const (
	rate, burst = "registryPullQPS", "registryBurst"
	high, low   = "imageGCHighThresholdPercent", "imageGCLowThresholdPercent"
	// usualRate, usualBurst and usualHigh are the defaults:
	// k8s.io/kubernetes/pkg/kubelet/apis/config/v1beta1.
	usualRate, usualBurst, usualHigh = 5, 10, 85
	// since is how old a complaint may be.
	since = 15 * time.Minute
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	if key, why := seldom(s.Kubelet); key != "" {
		if facts := refused(s); len(facts) > 0 {
			out = append(out, tell(s.Kubelet, key, why, facts))
		}
	}
	if most, ok := number(s.Kubelet, high); ok && most < usualHigh && kubelet.Set(s.Kubelet, high) {
		used, dir := used(s)
		facts := collected(s)
		if used >= most && used < usualHigh && len(facts) > 0 {
			facts = append(facts, finding.Fact{Source: dir, Got: fmt.Sprintf("%d%% in use", used), Want: fmt.Sprintf("under %d%%, or a higher threshold", most)})
			out = append(out, tell(s.Kubelet, high, "images are taken away every few minutes, and the disk, which others fill as well, never falls below that", facts))
		}
	}
	return out
}

func tell(k *snapshot.Kubelet, key, why string, facts []finding.Fact) finding.Finding {
	e := k.Effective[key]
	return finding.Finding{
		Subject:  finding.Subject{Kind: "setting", Name: key},
		Summary:  fmt.Sprintf("%s (%s): %s", kubelet.Says(key, e.Origin), kubelet.Where(e.Origin), why),
		Facts:    append(kubelet.Facts(k, key, "the default"), facts...),
		Commands: kubelet.Commands("journalctl -u kubelet -n 200 | grep -i -e QPS -e garbage", "crictl images", "grep -rn -e registry -e imageGC /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env /etc/default/kubelet"),
	}
}

func number(k *snapshot.Kubelet, key string) (int, bool) {
	n, err := strconv.Atoi(k.Effective[key].Value)
	return n, err == nil
}

// seldom is the setting by which the kubelet pulls more seldom than it would.
// A rate of zero is none, and then no burst holds either; a burst of zero, which
// a flag alone can set, lets nothing through.
func seldom(k *snapshot.Kubelet) (key, why string) {
	n, limited := number(k, rate)
	if !limited || n == 0 {
		return "", ""
	}
	if b, ok := number(k, burst); ok && b < usualBurst && kubelet.Set(k, burst) {
		if b == 0 {
			return burst, "no image is pulled at all"
		}
		return burst, fmt.Sprintf("no more than %d images are pulled at once, and others are refused", b)
	}
	if n < usualRate && kubelet.Set(k, rate) {
		return rate, fmt.Sprintf("no more than %d images are pulled in a second, and others are refused", n)
	}
	return "", ""
}

// refused is where it shows that the kubelet refused to pull.
func refused(s *snapshot.Snapshot) []finding.Fact {
	const says = "pull QPS exceeded"
	if s.Cluster != nil {
		for _, p := range s.Cluster.Pods {
			if p.Node != s.Node || p.Detail == nil || p.Deleting {
				continue
			}
			for _, c := range p.Detail.Containers {
				if strings.Contains(c.Message, says) {
					return []finding.Fact{{Source: "pods/" + p.Namespace + "/" + p.Name + " container " + c.Name, Got: c.Reason + ": " + c.Message, Want: "its image is pulled"}}
				}
			}
		}
		for _, e := range s.Cluster.Events {
			if e.Host == s.Node && strings.Contains(e.Message, says) && s.At.Sub(e.Last) <= since {
				return []finding.Fact{{Source: "event of " + e.Object + " in " + e.Namespace, Got: e.Message, At: e.Last, Want: "its image is pulled"}}
			}
		}
	}
	return ground.Said(s, since, func(_, line string) bool { return strings.Contains(line, says) })
}

// futile matches how the kubelet says that it took away what it could, and that
// this was not enough.
var futile = regexp.MustCompile(`mage garbage collection failed|Failed to garbage collect required amount of images|Failed to free sufficient space by deleting unused images`)

func collected(s *snapshot.Snapshot) []finding.Fact {
	out := ground.Said(s, since, func(source, line string) bool { return source == "journal:kubelet.service" && futile.MatchString(line) })
	if len(out) > 0 || s.Cluster == nil {
		return out
	}
	for _, e := range s.Cluster.Events {
		if e.Object == "Node/"+s.Node && s.At.Sub(e.Last) <= since && futile.MatchString(e.Message) {
			return []finding.Fact{{Source: "event of " + e.Object, Got: e.Message, At: e.Last}}
		}
	}
	return nil
}

// used is how full the file system of images is, in percent, as the kubelet
// counts, and where it is; 101 where that is not known.
func used(s *snapshot.Snapshot) (int, string) {
	dir := "/var/lib/containerd"
	if s.Runtime != nil && s.Runtime.Settings != nil {
		dir = cmp.Or(s.Runtime.Settings.Root, dir)
	}
	if s.Host == nil {
		return 101, dir
	}
	m, ok := s.Host.Under(dir)
	if !ok || m.Total == 0 {
		return 101, dir
	}
	return 100 - int(m.Free*100/m.Total), dir
}

// remedy takes the settings away, so that the defaults hold.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	values := map[string]string{}
	pair := []string{rate, burst}
	if f.Subject.Name == high {
		pair = []string{high, low}
	}
	for _, key := range pair {
		if kubelet.Set(s.Kubelet, key) {
			values[key] = ""
		}
	}
	return kubelet.Want(s.Kubelet, values, "the default")
}
