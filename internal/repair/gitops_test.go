package repair

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	kustomization = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/flux-system/kustomizations/dns"
	application   = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/dns"
	service       = "/api/v1/namespaces/kube-system/services/kube-dns"
)

// reconciled is a machine with Flux, or Argo CD, that keeps the Service of the
// name servers, and what the collectors say of it.
func reconciled(t *testing.T, keeper string) (*faulttest.Machine, *snapshot.Snapshot) {
	t.Helper()
	m := faulttest.New(t)
	maps.Copy(m.World.Objects, map[string]json.RawMessage{
		kustomization: json.RawMessage(`{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"namespace":"flux-system","name":"dns"},"spec":{"interval":"10m0s","path":"./dns","prune":true,"sourceRef":{"kind":"GitRepository","name":"fleet"}}}`),
		application:   json.RawMessage(`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"namespace":"argocd","name":"dns"},"spec":{"project":"default","source":{"repoURL":"https://example.com/dns.git","path":"deploy"},"syncPolicy":{"automated":{"prune":true,"selfHeal":true},"syncOptions":["CreateNamespace=true"]}}}`),
	})
	s := m.Snapshot()
	for i := range s.Cluster.Services {
		if x := &s.Cluster.Services[i]; x.Name == "kube-dns" {
			x.Keeper = keeper
		}
	}
	s.Cluster.GitOps = []snapshot.GitOps{
		{Kind: "Kustomization", Namespace: "flux-system", Name: "dns", Source: "GitRepository/fleet", Path: "./dns", Revision: "main@sha1:4f5e"},
		{Kind: "GitRepository", Namespace: "flux-system", Name: "fleet", Source: "ssh://git@example.com/fleet"},
		{Kind: "Application", Namespace: "argocd", Name: "dns", Source: "https://example.com/dns.git", Path: "deploy", Revision: "53e28ff", Automated: true},
	}
	return m, s
}

func TestReconciled(t *testing.T) {
	change := planned("x/y", op.SetField{Path: service, Field: []string{"spec", "sessionAffinity"}, Value: []byte(`"ClientIP"`), Why: "change it"})
	found := []finding.Finding{{Fault: "x/y"}}
	for _, tt := range []struct{ keeper, object, where, rests string }{
		{"Kustomization flux-system/dns", kustomization, "ssh://git@example.com/fleet, path ./dns, revision main@sha1:4f5e", `"suspend":true`},
		{"Application dns", application, "https://example.com/dns.git, path deploy, revision 53e28ff", `"syncPolicy":{"syncOptions"`},
		{"Application argocd_dns", application, "https://example.com/dns.git, path deploy, revision 53e28ff", `"syncPolicy":{"syncOptions"`},
	} {
		m, s := reconciled(t, tt.keeper)
		p := Propose(s, []*fault.Fault{change}, found)
		if len(p.Plan) > 0 || !strings.Contains(p.Parts[0].Refused, tt.keeper) || !strings.Contains(p.Parts[0].Refused, tt.where) {
			t.Fatalf("%s: not refused: %+v", tt.keeper, p)
		}
		p = ProposeKept(s, []*fault.Fault{change}, found, fault.KeptSuspended)
		if got := p.Plan[0].String(); len(p.Plan) != 2 || !strings.HasPrefix(got, "suspend "+tt.keeper) || !strings.Contains(got, tt.where) {
			t.Fatalf("%s: got %s", tt.keeper, lines(p.Plan))
		}
		start := m.State()
		r := &Runner{Machine: m, Dir: t.TempDir()}
		if _, err := r.Apply(t.Context(), Request{Plan: p.Plan}, nil); err != nil {
			t.Fatal(err)
		}
		if got := string(m.World.Objects[tt.object]); !strings.Contains(got, tt.rests) {
			t.Errorf("%s does not rest: %s", tt.keeper, got)
		}
		if !strings.Contains(string(m.World.Objects[service]), "ClientIP") {
			t.Error("the Service was not changed")
		}
		if _, _, err := r.Undo(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		for k, v := range m.State() {
			if start[k] != v {
				t.Errorf("%s: after the undo %s\n got %s\nwant %s", tt.keeper, k, v, start[k])
			}
		}
	}
}

// TestNotSuspended: one that rests, or does nothing by itself, is left as it
// is; one that is not here cannot be suspended.
func TestNotSuspended(t *testing.T) {
	change := planned("x/y", op.PatchObject{Path: service, Patch: []byte(`{}`), Why: "change it"})
	found := []finding.Finding{{Fault: "x/y"}}
	for keeper, want := range map[string]int{"Kustomization flux-system/dns": 1, "Application dns": 1, "HelmRelease shop/web": 0, "": 1, "Kustomization flux-system/gone": 1} {
		_, s := reconciled(t, keeper)
		s.Cluster.GitOps[0].Suspended, s.Cluster.GitOps[2].Automated = true, false
		if p := ProposeKept(s, []*fault.Fault{change}, found, fault.KeptSuspended); len(p.Plan) != want {
			t.Errorf("%q: got %s, %+v", keeper, lines(p.Plan), p.Parts)
		}
	}
}

func TestPatches(t *testing.T) {
	_, s := reconciled(t, "Kustomization flux-system/dns")
	s.Cluster.Webhooks = []snapshot.Webhook{{Kind: "Validating", Config: "deny", Name: "a.b", Keeper: "Application dns"}}
	hook := "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/deny"
	got, err := Patches(Planned{s, op.Plan{
		op.ReloadUnits{}, op.DeleteObject{Path: "/api/v1/namespaces/kube-system/configmaps/mine"},
		op.SetField{Path: service, Field: []string{"spec", "ports", "0", "targetPort"}, Value: []byte("5353"), Why: "let it send\nelsewhere"},
		op.SetField{Path: service, Field: []string{"metadata", "annotations", "a/b"}, Why: "forget it"},
		op.SetField{Path: hook, Field: []string{"webhooks", "name=a.b", "failurePolicy"}, Value: []byte(`"Ignore"`), Why: "let requests pass"},
	}})
	if err != nil || len(got) != 2 || got[0].Name != "service-kube-system-kube-dns.yaml" || got[1].Name != "validatingwebhookconfiguration-deny.yaml" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, want := range []string{
		`[{"op":"add","path":"/spec/ports/0/targetPort","value":5353},{"op":"remove","path":"/metadata/annotations/a~1b"}]`,
		`{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"deny"},"webhooks":[{"failurePolicy":"Ignore","name":"a.b"}]}`,
	} {
		var body strings.Builder
		for l := range strings.Lines(string(got[i].Text)) {
			if !strings.HasPrefix(l, "#") {
				body.WriteString(l)
			}
		}
		var a, b any
		if json.Unmarshal([]byte(body.String()), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
			t.Fatalf("not JSON: %s", body.String())
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Errorf("got  %s\nwant %s", x, y)
		}
	}
	if head := string(got[0].Text); !strings.Contains(head, "ssh://git@example.com/fleet, path ./dns, revision main@sha1:4f5e") || !strings.Contains(head, "let it send elsewhere") || !strings.Contains(head, "target: {kind: Service, name: kube-dns, namespace: kube-system}") {
		t.Errorf("got %s", head)
	}
	for name, o := range map[string]op.Op{
		"a scalar of a list": op.SetField{Path: service, Field: []string{"a", "name=b"}, Value: []byte("1")},
		"two sorts":          op.SetField{Path: service, Field: []string{"a", "name=b", "0"}, Value: []byte("1")},
		"no patch":           op.PatchObject{Path: service, Patch: []byte("[]")},
	} {
		if p, err := Patches(Planned{s, op.Plan{o}}); err == nil {
			t.Errorf("%s: got %s", name, p[0].Text)
		}
	}
}

// TestPatchesOfTwo: what two repairs change of one object is one file, once; and
// where they are not of one mind there is none.
func TestPatchesOfTwo(t *testing.T) {
	_, s := reconciled(t, "Kustomization flux-system/dns")
	set := func(field, value string) Planned {
		return Planned{s, op.Plan{op.SetField{Path: service, Field: []string{"spec", field}, Value: []byte(value), Why: "set " + field}}}
	}
	got, err := Patches(set("a", "1"), set("b", "2"), set("a", "1"))
	if err != nil || len(got) != 1 || strings.Count(string(got[0].Text), `"path"`) != 2 {
		t.Errorf("got %s, %v", got, err)
	}
	s.Cluster.Webhooks = []snapshot.Webhook{{Kind: "Validating", Config: "deny", Name: "a.b", Keeper: "Application dns"}}
	other := Planned{s, op.Plan{op.DeleteObject{Path: "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/deny"}}}
	got, err = Patches(set("a", "1"), set("a", "2"), other)
	if err == nil || !strings.Contains(err.Error(), "two repairs") || len(got) != 1 || !strings.Contains(string(got[0].Text), `"$patch": "delete"`) {
		t.Errorf("got %s, %v", got, err)
	}
}

// TestPatchesOfCharts: what a chart renders is patched by its HelmRelease, and by
// no kustomization; of Argo CD's charts there is no patch.
func TestPatchesOfCharts(t *testing.T) {
	_, s := reconciled(t, "HelmRelease shop/web")
	s.Cluster.GitOps = append(s.Cluster.GitOps, snapshot.GitOps{Kind: "HelmRelease", Namespace: "shop", Name: "web", Chart: true})
	plan := Planned{s, op.Plan{op.SetField{Path: service, Field: []string{"spec", "sessionAffinity"}, Value: []byte(`"ClientIP"`), Why: "change it"}}}
	got, err := Patches(plan)
	if err != nil || len(got) != 1 || strings.Contains(string(got[0].Text), "kustomization.yaml") {
		t.Fatalf("got %s, %v", got, err)
	}
	_, body, _ := strings.Cut(string(got[0].Text), "\n{")
	var release struct {
		Kind string
		Spec struct {
			PostRenderers []struct {
				Kustomize struct {
					Patches []struct {
						Target map[string]string
						Patch  string
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte("{"+body), &release); err != nil || release.Kind != "HelmRelease" {
		t.Fatalf("%v: %s", err, body)
	}
	p := release.Spec.PostRenderers[0].Kustomize.Patches[0]
	if p.Target["kind"] != "Service" || p.Target["version"] != "v1" || p.Target["namespace"] != "kube-system" || !strings.Contains(p.Patch, `"/spec/sessionAffinity"`) {
		t.Errorf("got %+v", p)
	}
	_, s = reconciled(t, "Application dns")
	s.Cluster.GitOps[2].Chart = true
	plan.From = s
	if got, err := Patches(plan); err == nil || !strings.Contains(err.Error(), "renders it from a chart") || len(got) > 0 {
		t.Errorf("got %s, %v", got, err)
	}
}
