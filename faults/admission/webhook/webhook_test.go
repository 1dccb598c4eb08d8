package webhook

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	hook := func(service, failure string, rules ...string) snapshot.Webhook {
		return snapshot.Webhook{Kind: "Validating", Config: "c", Name: "a.b", Service: service, Failure: failure, Rules: rules, TimeoutS: 10}
	}
	line := func(webhook, text string, ago time.Duration) *snapshot.Logs {
		return &snapshot.Logs{Observations: []snapshot.Observation{{ID: failed, Last: now.Add(-ago), Params: map[string]string{"webhook": webhook, "error": text}}}}
	}
	const x509 = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
	for _, tt := range []struct {
		name string
		hook snapshot.Webhook
		logs *snapshot.Logs
		want int
	}{
		{"answers", hook("a/good:443/x", "Fail", "CREATE on core/v1/pods"), nil, 0},
		{"no Service, and may be left out", hook("a/none:443", "Ignore", "CREATE on core/v1/pods"), nil, 0},
		{"no Service", hook("a/none:443", "Fail", "CREATE on core/v1/pods"), nil, 1},
		{"no endpoint", hook("a/empty:443", "Fail", "* on */*/*"), nil, 1},
		{"wrong port", hook("a/good:8443", "Fail", "CREATE on core/v1/pods"), nil, 1},
		{"a wrong authority", hook("a/good:443", "Fail", "CREATE on core/v1/pods"), line("a.b", x509, time.Minute), 1},
		{"another's wrong authority", hook("a/good:443", "Fail", "CREATE on core/v1/pods"), line("a.c", x509, time.Minute), 0},
		{"long ago", hook("a/good:443", "Fail", "CREATE on core/v1/pods"), line("a.b", x509, time.Hour), 0},
		{"outside, and answers", hook("", "Fail", "CREATE on core/v1/pods"), nil, 0},
	} {
		s := &snapshot.Snapshot{At: now, Logs: tt.logs, Cluster: &snapshot.Cluster{
			Webhooks:  []snapshot.Webhook{tt.hook},
			Services:  []snapshot.Service{{Namespace: "a", Name: "good", Ports: []snapshot.ServicePort{{Port: 443}}}, {Namespace: "a", Name: "empty", Ports: []snapshot.ServicePort{{Port: 443}}}},
			Endpoints: []snapshot.Endpoint{{Namespace: "a", Service: "good", Ready: true}},
		}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestKept(t *testing.T) {
	s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
		Webhooks:  []snapshot.Webhook{{Kind: "Mutating", Config: "c", Name: "a.b", Service: "a/none:443", Failure: "Fail", Keeper: "Kustomization flux-system/apps"}},
		Services:  []snapshot.Service{{Namespace: "b", Name: "x"}},
		Endpoints: []snapshot.Endpoint{{Namespace: "b", Service: "x", Ready: true}},
	}}
	found := detect(s)
	if len(found) != 1 {
		t.Fatal(found)
	}
	if plan, err := Fault.Plan(s, found[0]); !errors.Is(err, fault.ErrKept) {
		t.Errorf("a change that comes back: %v", plan)
	}
}

// A webhook that is asked about some objects is not said to hold up all.
func TestObjects(t *testing.T) {
	for objects, want := range map[string]bool{"": true, "inject=yes": false} {
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{
			Webhooks:  []snapshot.Webhook{{Kind: "Mutating", Config: "c", Name: "a.b", Service: "a/none:443", Failure: "Fail", Rules: []string{"CREATE on core/v1/pods"}, Objects: objects}},
			Services:  []snapshot.Service{{Namespace: "b", Name: "x"}},
			Endpoints: []snapshot.Endpoint{{Namespace: "b", Service: "x", Ready: true}},
		}}
		found := detect(s)
		if len(found) != 1 {
			t.Fatal(found)
		}
		if got := slices.ContainsFunc(found[0].Facts, func(f finding.Fact) bool { return strings.Contains(f.Got, "no pod is created") }); got != want {
			t.Errorf("%q: %+v", objects, found[0].Facts)
		}
	}
}
