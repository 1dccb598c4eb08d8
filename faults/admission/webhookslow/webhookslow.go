// Package webhookslow is the fault of an admission webhook that may be left out
// and that everybody waits for until then.
package webhookslow

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. A shorter time would leave the
// webhook out in silence whenever it is slow, and what it keeps out with it: that
// is for a person to say, so that it has no remedy.
var Fault = &fault.Fault{
	ID:     "admission/webhookslow",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ObjectsRefused, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.APISlow, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
	},
	Follows: []symptom.ID{symptom.PodTrafficSlow, symptom.ServiceUnreachable, symptom.ProcessHeld},
}

const (
	// failed is the API server's line about a webhook that did not answer.
	failed = "apiserver-webhook-failed"
	// recent is how old the last such line may be.
	recent = 3 * time.Minute
	// long is from how many seconds on clients notice: some give a request no
	// more than five.
	long = 3
	// short is the least that the API takes.
	short = 1
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, w := range s.Cluster.Webhooks {
		if w.Failure != "Ignore" || w.TimeoutS < long || failsAtOnce(s.Cluster, w) {
			continue
		}
		for _, o := range s.Logs.Seen(failed, s.At, recent) {
			text := o.Params["error"]
			if o.Params["webhook"] != w.Name || o.Count < 2 || !timedOut(text) || !called(s.Cluster, w, text) || renewed(s.Cluster, w, o.Last) {
				continue
			}
			out = append(out, found(s.Cluster, w, o, text))
			break
		}
	}
	return out
}

func found(c *snapshot.Cluster, w snapshot.Webhook, o snapshot.Observation, text string) finding.Finding {
	config := w.Kind + "WebhookConfiguration"
	source := config + " " + w.Config
	facts := []finding.Fact{
		{Source: source, Got: fmt.Sprintf("timeoutSeconds %d, failurePolicy Ignore, of %s, which is asked about %s", w.TimeoutS, w.Name, strings.Join(w.Rules, "; ")), Want: fmt.Sprintf("an answer at once, or timeoutSeconds %d", short), At: w.Created},
		{Source: o.Source, Got: fmt.Sprintf("%s (%d times)", text, o.Count), Want: "an answer", At: o.Last},
	}
	if w.Objects != "" {
		facts = append(facts, finding.Fact{Source: source, Got: "it is asked about objects with " + w.Objects + " alone"})
	}
	for _, r := range object.Covers(c, w.Rules, w.Namespaces) {
		if w.Objects == "" && len(w.Conditions) == 0 {
			facts = append(facts, finding.Fact{Source: source, Got: strings.TrimSpace(r.Operation+" "+r.Resource+" "+r.Namespace) + " waits for it"})
		}
	}
	return finding.Finding{
		Subject: finding.Subject{Kind: "object", Name: source + "/" + w.Name},
		Summary: fmt.Sprintf("webhook %s of %s does not answer, and each request that it is asked about waits %d s for it", w.Name, w.Config, w.TimeoutS),
		Facts:   object.Kept(facts, w.Keeper),
		Commands: []string{
			"kubectl get " + strings.ToLower(config) + " " + w.Config + " -o yaml",
			"time kubectl run probe --image=x --dry-run=server",
			"grep 'failing open' /var/log/pods/kube-system_kube-apiserver-*/*/*.log | tail",
		},
	}
}

// failsAtOnce reports whether nothing stands behind the webhook's Service: a
// call is refused then, and nobody waits.
func failsAtOnce(c *snapshot.Cluster, w snapshot.Webhook) bool {
	b, ok := object.ParseBackend(w.Service)
	if !ok {
		return false
	}
	why, _ := b.Dead(c)
	return why != ""
}

// timedOut reports whether a call ended since no answer came in time.
func timedOut(text string) bool {
	return strings.Contains(text, "context deadline exceeded") || strings.Contains(text, "Client.Timeout exceeded")
}

// called reports whether an error is of a call of this webhook as it is now:
// webhooks of several configurations may have one name. The address holds the
// time that was given: Post "https://hook.apps.svc:443/mutate?timeout=10s".
func called(c *snapshot.Cluster, w snapshot.Webhook, text string) bool {
	_, rest, ok := strings.Cut(text, `Post "`)
	address, _, whole := strings.Cut(rest, `"`)
	if !ok || !whole {
		same := func(x snapshot.Webhook) bool { return x.Name == w.Name && (x.Config != w.Config || x.Kind != w.Kind) }
		return !slices.ContainsFunc(c.Webhooks, same)
	}
	address, query, _ := strings.Cut(address, "?")
	if !slices.Contains(strings.Split(query, "&"), fmt.Sprintf("timeout=%ds", w.TimeoutS)) {
		return false
	}
	if w.Service == "" {
		own, _, _ := strings.Cut(w.URL, "?")
		return address == own
	}
	namespace, rest, _ := strings.Cut(w.Service, "/")
	name, rest, _ := strings.Cut(rest, ":")
	port, path, _ := strings.Cut(rest, "/")
	return strings.TrimSuffix(address, "/") == strings.TrimSuffix("https://"+name+"."+namespace+".svc:"+port+"/"+path, "/")
}

// renewed reports whether what stands behind the webhook's Service has begun
// after the last call that failed, and so may answer again.
func renewed(c *snapshot.Cluster, w snapshot.Webhook, last time.Time) bool {
	b, ok := object.ParseBackend(w.Service)
	return ok && slices.ContainsFunc(c.Endpoints, func(e snapshot.Endpoint) bool {
		return e.Namespace == b.Namespace && e.Service == b.Name && e.Ready && slices.ContainsFunc(c.Pods, func(p snapshot.Pod) bool {
			return p.Namespace == e.Namespace && p.Name == e.Pod && begun(p).After(last)
		})
	})
}

// begun is when the last of a pod's containers started.
func begun(p snapshot.Pod) time.Time {
	at := p.Created
	if p.Detail == nil {
		return at
	}
	for _, c := range p.Detail.Containers {
		if c.State == "running" && c.Since.After(at) {
			at = c.Since
		}
	}
	return at
}
