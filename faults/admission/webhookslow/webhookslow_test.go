package webhookslow

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

// Test goes by a webhook at an address that nobody answers at.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Objects["/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/inject"] = json.RawMessage(
			`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","metadata":{"name":"inject"},"webhooks":[` +
				`{"name":"inject.example.com","admissionReviewVersions":["v1"],"sideEffects":"None","failurePolicy":"Ignore","timeoutSeconds":10,` +
				`"clientConfig":{"url":"https://192.0.2.7:8443/mutate"},"rules":[{"operations":["CREATE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["pods"]}]}]}`)
	}))
}

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// slow is a webhook that may be left out and of which that is said.
func slow() *snapshot.Snapshot {
	return &snapshot.Snapshot{At: now,
		Logs: &snapshot.Logs{Observations: []snapshot.Observation{{ID: failed, Count: 4, Last: now.Add(-time.Minute), Params: map[string]string{"webhook": "a.b", "mode": "open",
			"error": `failed calling webhook "a.b": failed to call webhook: Post "https://good.a.svc:443/x?timeout=10s": context deadline exceeded`}}}},
		Cluster: &snapshot.Cluster{
			Webhooks:  []snapshot.Webhook{{Kind: "Mutating", Config: "c", Name: "a.b", Service: "a/good:443/x", Failure: "Ignore", Rules: []string{"CREATE on core/v1/pods"}, TimeoutS: 10}},
			Services:  []snapshot.Service{{Namespace: "a", Name: "good", Ports: []snapshot.ServicePort{{Port: 443}}}},
			Endpoints: []snapshot.Endpoint{{Namespace: "a", Service: "good", Pod: "p", Ready: true}},
			Pods:      []snapshot.Pod{{Namespace: "a", Name: "p", Created: now.Add(-time.Hour), Detail: &snapshot.PodDetail{Containers: []snapshot.PodContainer{{State: "running", Since: now.Add(-time.Hour)}}}}},
		}}
}

func TestDetect(t *testing.T) {
	say := func(text string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { s.Logs.Observations[0].Params["error"] = text }
	}
	hook := func(change func(*snapshot.Webhook)) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { change(&s.Cluster.Webhooks[0]) }
	}
	twin := func(s *snapshot.Snapshot) {
		other := s.Cluster.Webhooks[0]
		other.Kind, other.Service = "Validating", "a/good:443/y"
		s.Cluster.Webhooks = append(s.Cluster.Webhooks, other)
	}
	for _, tt := range []struct {
		name   string
		change func(*snapshot.Snapshot)
		want   int
	}{
		{"slow", func(*snapshot.Snapshot) {}, 1},
		{"the time for headers is over", say(`Post "https://good.a.svc:443/x?timeout=10s": net/http: request canceled (Client.Timeout exceeded while awaiting headers)`), 1},
		{"without an address", say("context deadline exceeded"), 1},
		{"outside", func(s *snapshot.Snapshot) {
			hook(func(w *snapshot.Webhook) { w.Service, w.URL = "", "https://hooks.example.com/x?cluster=1" })(s)
			say(`Post "https://hooks.example.com/x?cluster=1&timeout=10s": context deadline exceeded`)(s)
		}, 1},
		{"another configuration has one of that name", twin, 1},
		{"another configuration has one of that name, and no address is told", func(s *snapshot.Snapshot) { twin(s); say("context deadline exceeded")(s) }, 0},
		{"it has to agree", hook(func(w *snapshot.Webhook) { w.Failure = "Fail" }), 0},
		{"it has a second", hook(func(w *snapshot.Webhook) { w.TimeoutS = 1 }), 0},
		{"it had another time then", hook(func(w *snapshot.Webhook) { w.TimeoutS = 5 }), 0},
		{"it was elsewhere then", hook(func(w *snapshot.Webhook) { w.Service = "a/good:443/z" }), 0},
		{"refused", say(`Post "https://good.a.svc:443/x?timeout=10s": dial tcp 10.96.0.7:443: connect: connection refused`), 0},
		{"the client went away", say(`Post "https://good.a.svc:443/x?timeout=10s": context canceled`), 0},
		{"an unknown authority", say(`Post "https://good.a.svc:443/x?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`), 0},
		{"once", func(s *snapshot.Snapshot) { s.Logs.Observations[0].Count = 1 }, 0},
		{"long ago", func(s *snapshot.Snapshot) { s.Logs.Observations[0].Last = now.Add(-time.Hour) }, 0},
		{"another webhook", func(s *snapshot.Snapshot) { s.Logs.Observations[0].Params["webhook"] = "a.c" }, 0},
		{"nothing behind it", func(s *snapshot.Snapshot) { s.Cluster.Endpoints[0].Ready = false }, 0},
		{"no Service", func(s *snapshot.Snapshot) { s.Cluster.Services[0].Name = "other" }, 0},
		{"a new pod since", func(s *snapshot.Snapshot) { s.Cluster.Pods[0].Created = now.Add(-30 * time.Second) }, 0},
		{"restarted since", func(s *snapshot.Snapshot) {
			s.Cluster.Pods[0].Detail.Containers[0].Since = now.Add(-30 * time.Second)
		}, 0},
		{"none at all", func(s *snapshot.Snapshot) { s.Cluster.Webhooks = nil }, 0},
	} {
		s := slow()
		tt.change(s)
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

func TestFacts(t *testing.T) {
	s := slow()
	got := fmt.Sprint(detect(s))
	for _, want := range []string{"waits 10 s", "timeoutSeconds 10", "CREATE pods waits for it", "(4 times)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said: %s", want, got)
		}
	}
	s.Cluster.Webhooks[0].Conditions = []string{"object.kind == 'x'"}
	if got := fmt.Sprint(detect(s)); strings.Contains(got, "waits for it]") || strings.Contains(got, "CREATE pods waits") {
		t.Errorf("all pods are said to wait: %s", got)
	}
}
