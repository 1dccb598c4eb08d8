// Package webhook is the fault of an admission webhook that nobody answers and
// that has to agree.
package webhook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "admission/webhook",
	Layer:  fault.Admission,
	Needs:  []snapshot.Section{snapshot.SectionCluster},
	Uses:   []snapshot.Section{snapshot.SectionLogs, snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ObjectsRefused, Strength: symptom.Always, Cluster: true},
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
	Follows: []symptom.ID{symptom.ServiceNoEndpoints},
	Remedy:  remedy,
	Drill:   drill,
}

// failed is the API server's line about a webhook that did not answer.
const failed = "apiserver-webhook-failed"

// recent is how old such a line may be.
const recent = 3 * time.Minute

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, w := range s.Cluster.Webhooks {
		if w.Failure == "Ignore" {
			continue
		}
		why, facts := dead(s, w)
		if why == "" {
			continue
		}
		config := w.Kind + "WebhookConfiguration"
		first := finding.Fact{Source: config + " " + w.Config, Got: fmt.Sprintf("%s has to agree (failurePolicy %s) to %s", w.Name, w.Failure, strings.Join(w.Rules, "; ")), Want: "a webhook that answers", At: w.Created}
		if w.Objects != "" {
			facts = append(facts, finding.Fact{Source: config + " " + w.Config, Got: "it is asked about objects with " + w.Objects + " alone"})
		}
		for _, r := range object.Covers(s.Cluster, w.Rules, w.Namespaces) {
			if w.Objects != "" {
				break // the cluster's own need not have what it selects
			}
			facts = append(facts, finding.Fact{Source: config + " " + w.Config, Got: strings.TrimSpace(r.Operation+" "+r.Resource+" "+r.Namespace) + " goes through it: " + r.What})
		}
		if b, ok := object.ParseBackend(w.Service); ok && ownPods(s.Cluster, w, b) {
			facts = append(facts, finding.Fact{Source: config + " " + w.Config, Got: "it has to agree to the pods of its own namespace " + b.Namespace + ", so that it cannot come back by itself"})
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "object", Name: config + " " + w.Config + "/" + w.Name},
			Summary:  fmt.Sprintf("webhook %s of %s has to agree and cannot: %s", w.Name, w.Config, why),
			Facts:    object.Kept(append([]finding.Fact{first}, facts...), w.Keeper),
			Commands: []string{"kubectl get " + strings.ToLower(config) + " " + w.Config + " -o yaml", "kubectl get service,endpointslices -A | grep " + serviceName(w)},
		})
	}
	return append(out, filed(s)...)
}

// dead says why the webhook does not answer: nothing stands behind its Service,
// or the API server says so of it.
func dead(s *snapshot.Snapshot, w snapshot.Webhook) (string, []finding.Fact) {
	if b, ok := object.ParseBackend(w.Service); ok {
		if why, facts := b.Dead(s.Cluster); why != "" {
			return why, facts
		}
	}
	if s.Logs == nil {
		return "", nil
	}
	for _, o := range s.Logs.Seen(failed, s.At, recent) {
		text := o.Params["error"]
		slow := strings.Contains(text, "deadline exceeded") || strings.Contains(text, "imeout exceeded")
		if o.Params["webhook"] == w.Name && text != "" && !(slow && w.TimeoutS < 3) {
			return "the API server says " + text, []finding.Fact{{Source: o.Source, Got: text, At: o.Last, Want: "an answer"}}
		}
	}
	return "", nil
}

func ownPods(c *snapshot.Cluster, w snapshot.Webhook, b object.Backend) bool {
	i := slices.IndexFunc(c.Namespaces, func(n snapshot.Namespace) bool { return n.Name == b.Namespace })
	pods := slices.ContainsFunc(object.Covers(c, w.Rules, ""), func(r object.Request) bool { return r.Resource == "pods" })
	return i >= 0 && pods && w.Objects == "" && object.Matches(w.Namespaces, c.Namespaces[i].Labels)
}

func serviceName(w snapshot.Webhook) string {
	if b, ok := object.ParseBackend(w.Service); ok {
		return b.Name
	}
	return w.Name
}

// remedy lets requests pass while nobody answers. The webhook stays, and asks
// for nothing more once it is set back.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	if f.Subject.Kind == "file" {
		return pass(s, f)
	}
	for _, w := range s.Cluster.Webhooks {
		kind := w.Kind + "WebhookConfiguration"
		if f.Subject.Name != kind+" "+w.Config+"/"+w.Name {
			continue
		}
		set, err := object.Set(kind, "", w.Config, "Ignore", w.Failure, "let requests pass that "+w.Name+" does not answer", "webhooks", "name="+w.Name, "failurePolicy")
		return op.Plan{set}, err
	}
	return nil, fmt.Errorf("cannot change the webhook: it is gone")
}
