package object

import (
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/snapshot"
)

// decoded is an object of its JSON.
func decoded(t *testing.T, text string) schema.Object {
	t.Helper()
	o, err := schema.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestWebhooks(t *testing.T) {
	o := decoded(t, `{"metadata":{"name":"cfg","creationTimestamp":"2026-03-04T05:06:07Z","managedFields":[{"manager":"kubectl","operation":"Update","time":"2026-03-04T05:06:07Z"}]},
"webhooks":[{"name":"w.x.io","failurePolicy":"Fail","timeoutSeconds":30,"clientConfig":{"service":{"namespace":"n","name":"s","path":"/v"},"caBundle":"YQ=="},
"namespaceSelector":{"matchExpressions":[{"key":"k","operator":"NotIn","values":["a","b"]}]},"matchConditions":[{"name":"c","expression":"true"}],
"rules":[{"operations":["CREATE"],"apiGroups":["","apps"],"apiVersions":["v1"],"resources":["pods"],"scope":"Namespaced"}]}]}`)
	same(t, Webhooks("Validating", o), []snapshot.Webhook{{Kind: "Validating", Config: "cfg", Name: "w.x.io", Failure: "Fail", TimeoutS: 30,
		Service: "n/s:443/v", CA: "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", Namespaces: "k notin (a,b)",
		Conditions: []string{"true"}, Rules: []string{"CREATE on core,apps/v1/pods (Namespaced)"}, Created: at,
		Managers: []snapshot.Manager{{Name: "kubectl", Operation: "Update", At: at}}}})
}

func TestAdmissionPolicy(t *testing.T) {
	same(t, AdmissionPolicy("ValidatingAdmissionPolicy", decoded(t, `{"metadata":{"name":"p","managedFields":[
{"manager":"a","time":"2026-03-04T05:06:07Z","fieldsV1":{"f:spec":{"f:validationActions":{}}}},{"manager":"b","time":"2026-03-04T05:06:01Z","fieldsV1":{"f:spec":{"f:x":{}}}},
{"manager":"c","time":"2026-03-04T06:06:07Z","fieldsV1":{"f:metadata":{"f:labels":{}}}}]},"spec":{"failurePolicy":"Fail","paramKind":{"kind":"X"},
"matchConstraints":{"resourceRules":[{"operations":["*"],"apiGroups":["*"],"apiVersions":["*"],"resources":["*"],"scope":"*"}]},"validations":[{"expression":"false"}]}}`)),
		snapshot.AdmissionPolicy{Kind: "ValidatingAdmissionPolicy", Name: "p", Failure: "Fail", Param: "X", Changed: at, Rules: []string{"* on */*/*"}, Expressions: []string{"false"}})
}

func TestExtensions(t *testing.T) {
	same(t, APIService(decoded(t, `{"metadata":{"name":"v1.x.io"},"spec":{"group":"x.io","version":"v1","groupPriorityMinimum":9,"insecureSkipTLSVerify":true,
"service":{"namespace":"n","name":"s","port":8443}},"status":{"conditions":[{"type":"Available","status":"False","reason":"MissingEndpoints","message":"m"}]}}`)),
		snapshot.APIService{Name: "v1.x.io", Group: "x.io", Version: "v1", Priority: 9, Insecure: true, Service: "n/s:8443", Available: "False", Reason: "MissingEndpoints", Message: "m"})
	same(t, CRD(decoded(t, `{"metadata":{"name":"ws.x.io"},"spec":{"names":{"kind":"W"},"versions":[{"name":"v1beta1","served":true},{"name":"v1","served":true,"storage":true},{"name":"old"}],
"conversion":{"strategy":"Webhook","webhook":{"clientConfig":{"url":"https://u"}}}},"status":{"conditions":[{"type":"Established","status":"True"},{"type":"NamesAccepted","status":"False","message":"taken"}]}}`)),
		snapshot.CRD{Name: "ws.x.io", Kind: "W", Versions: []string{"v1", "v1beta1"}, Conversion: "https://u", Established: "True", Problem: "taken"})
}

func TestNetworkPolicy(t *testing.T) {
	same(t, NetworkPolicy(decoded(t, `{"metadata":{"namespace":"n","name":"p"},"spec":{"podSelector":{},"policyTypes":["Ingress","Egress"],
"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}},{"namespaceSelector":{},"podSelector":{"matchLabels":{"a":"b"}}}],"ports":[{"protocol":"TCP","port":80,"endPort":90}]}],"egress":[{}]}}`)),
		snapshot.NetworkPolicy{Namespace: "n", Name: "p", Types: []string{"Ingress", "Egress"},
			Ingress: []string{"from 10.0.0.0/8 except 10.1.0.0/16; namespaces() pods(a=b), ports TCP/80-90"}, Egress: []string{"to all, ports all"}})
}

func TestLimits(t *testing.T) {
	same(t, Quota(decoded(t, `{"metadata":{"namespace":"n","name":"q"},"spec":{"hard":{"pods":"1","cpu":"2"}},"status":{"used":{"pods":"1"}}}`)),
		snapshot.Quota{Namespace: "n", Name: "q", Used: map[string]string{"pods": "1/1", "cpu": "?/2"}})
	same(t, LimitRange(decoded(t, `{"metadata":{"namespace":"n","name":"l"},"spec":{"limits":[{"type":"Container","max":{"cpu":"1"},"default":{"memory":"1Mi"}}]}}`)),
		snapshot.LimitRange{Namespace: "n", Name: "l", Limits: []string{"Container default memory=1Mi", "Container max cpu=1"}})
	same(t, PriorityLevel(decoded(t, `{"metadata":{"name":"x"},"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":0,"lendablePercent":50,"limitResponse":{"type":"Queue","queuing":{"queues":64}}}}}`)),
		snapshot.PriorityLevel{Name: "x", Type: "Limited", Lendable: 50, Response: "Queue", Queues: 64})
	same(t, Budget(decoded(t, `{"metadata":{"namespace":"n","name":"b"},"spec":{"maxUnavailable":0,"selector":{"matchLabels":{"a":"b"}}},"status":{"currentHealthy":1}}`)),
		snapshot.DisruptionBudget{Namespace: "n", Name: "b", Pods: "a=b", Max: "0", Healthy: 1})
}

func TestStorage(t *testing.T) {
	same(t, Volume(decoded(t, `{"metadata":{"name":"v"},"spec":{"capacity":{"storage":"1Gi"},"claimRef":{"namespace":"n","name":"c"},"csi":{"driver":"d"},"storageClassName":"s"},"status":{"phase":"Released"}}`)),
		snapshot.Volume{Name: "v", Phase: "Released", Size: "1Gi", Class: "s", Bound: "n/c", Source: "csi/d"})
	list := CSINode(nil, decoded(t, `{"metadata":{"name":"n1"},"spec":{"drivers":[{"name":"d"}]}}`))
	same(t, CSIDriver(list, decoded(t, `{"metadata":{"name":"d"},"spec":{"attachRequired":false}}`)), []snapshot.CSIDriver{{Name: "d", Known: true, Nodes: []string{"n1"}}})
}

func TestEvents(t *testing.T) {
	const one = `{"metadata":{"creationTimestamp":"2026-03-04T05:00:00Z"},"involvedObject":{"kind":"Pod","namespace":"n","name":"p"},"type":"Warning","reason":"BackOff","message":"m",
"firstTimestamp":null,"lastTimestamp":"2026-03-04T05:06:07Z","count":4,"source":{"component":"kubelet","host":"h"}}`
	e := Event(decoded(t, one))
	first := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	want := snapshot.Event{Namespace: "n", Object: "Pod/p", Type: "Warning", Reason: "BackOff", Message: "m", Component: "kubelet", Host: "h", Count: 4, First: first, Last: at}
	same(t, e, want)
	other := e
	other.Message, other.Last = "else", at.Add(time.Hour)
	got, left := Events([]snapshot.Event{e, other, e}, 1)
	if left != 1 || len(got) != 1 || got[0].Message != "else" {
		t.Errorf("got %+v, %d left", got, left)
	}
	got, _ = Events([]snapshot.Event{e, e}, 5)
	if len(got) != 1 || got[0].Count != 8 {
		t.Errorf("got %+v", got)
	}
}

func TestConfigMapText(t *testing.T) {
	c := ConfigMapText(decoded(t, `{"metadata":{"namespace":"kube-public","name":"cluster-info"},"data":{"jws-kubeconfig-abcdef":"eyJ.x.y","Corefile":".:53 {}"}}`))
	if c.Data["Corefile"] != ".:53 {}" || c.Data["jws-kubeconfig-abcdef"] == "eyJ.x.y" {
		t.Errorf("got %+v", c)
	}
}

// The objects are in the form that Flux and Argo CD write.
func TestGitOps(t *testing.T) {
	for body, want := range map[string]snapshot.GitOps{
		`{"kind":"Kustomization","metadata":{"namespace":"flux-system","name":"apps"},"spec":{"suspend":true,"sourceRef":{"kind":"GitRepository","name":"r"}},
"status":{"conditions":[{"type":"Ready","status":"False","message":"no"}]}}`: {Kind: "Kustomization", Namespace: "flux-system", Name: "apps", Suspended: true, Named: true, Ready: "False", Message: "no", Source: "GitRepository/r"},
		`{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"namespace":"team","name":"apps"},"spec":{"interval":"10m0s","path":"./clusters/prod","prune":true,
"sourceRef":{"kind":"GitRepository","name":"fleet","namespace":"flux-system"}},"status":{"lastAppliedRevision":"main@sha1:4f5e","lastAttemptedRevision":"main@sha1:9a0b"}}`: {Kind: "Kustomization", Version: "v1", Namespace: "team", Name: "apps",
			Source: "GitRepository/fleet", SourceNamespace: "flux-system", Path: "./clusters/prod", Revision: "main@sha1:4f5e"},
		`{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{"namespace":"flux-system","name":"fleet"},"spec":{"interval":"1m0s","ref":{"branch":"main"},"url":"ssh://git@example.com/fleet"},
"status":{"artifact":{"revision":"main@sha1:4f5e","digest":"sha256:00"}}}`: {Kind: "GitRepository", Version: "v1", Namespace: "flux-system", Name: "fleet", Source: "ssh://git@example.com/fleet", Revision: "main@sha1:4f5e"},
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2beta1","kind":"HelmRelease","metadata":{"namespace":"shop","name":"web"},"spec":{"chart":{"spec":{"chart":"podinfo","version":"6.x","sourceRef":{"kind":"HelmRepository","name":"podinfo"}}}},
"status":{"lastAttemptedRevision":"6.5.0"}}`: {Kind: "HelmRelease", Version: "v2beta1", Namespace: "shop", Name: "web", Source: "HelmRepository/podinfo", Path: "podinfo", Revision: "6.5.0", Chart: true},
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","metadata":{"namespace":"shop","name":"new"},"spec":{"chartRef":{"kind":"OCIRepository","name":"podinfo"}}}`: {Kind: "HelmRelease", Version: "v2", Namespace: "shop", Name: "new",
			Source: "OCIRepository/podinfo", Chart: true, Drifts: true},
		`{"kind":"HelmRelease","metadata":{"namespace":"shop","name":"web","labels":{"kustomize.toolkit.fluxcd.io/name":"apps","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}},"spec":{"suspend":false,"driftDetection":{"mode":"enabled"}}}`: {Kind: "HelmRelease",
			Namespace: "shop", Name: "web", Named: true, Chart: true, Keeper: "Kustomization flux-system/apps"},
		`{"apiVersion":"argoproj.io/../../v1","kind":"Application","metadata":{"namespace":"argocd","name":"made","ownerReferences":[{"kind":"ApplicationSet","name":"all"}]},"spec":{"source":{"repoURL":"u","path":"p"},"syncPolicy":{"automated":{}}},"status":{"sourceType":"Helm"}}`: {Kind: "Application",
			Namespace: "argocd", Name: "made", Source: "u", Path: "p", Automated: true, Drifts: true, Chart: true, Sync: "{}", Owner: "ApplicationSet all"},
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{"namespace":"argocd","name":"shop"},"spec":{"project":"default","source":{"repoURL":"https://example.com/shop.git","path":"deploy","targetRevision":"HEAD"},
"syncPolicy":{"automated":{"prune":true,"selfHeal":true}}},"status":{"sync":{"status":"Synced","revision":"53e28ff"}}}`: {Kind: "Application", Version: "v1alpha1", Namespace: "argocd", Name: "shop", Ready: "Synced",
			Source: "https://example.com/shop.git", Path: "deploy", Revision: "53e28ff", Automated: true, Sync: `{"prune":true,"selfHeal":true}`},
		`{"kind":"Application","metadata":{"namespace":"argocd","name":"two"},"spec":{"sources":[{"repoURL":"https://example.com/charts","chart":"web","targetRevision":"1.2.3"},{"repoURL":"https://example.com/values.git","ref":"v"}],
"syncPolicy":{"automated":{"enabled":false}}}}`: {Kind: "Application", Namespace: "argocd", Name: "two", Source: "https://example.com/charts", Path: "web", Revision: "1.2.3", Chart: true, Drifts: true},
	} {
		same(t, GitOps(decoded(t, body)), want)
	}
}

// TestRulesAreKept: who keeps what answers for requests is read as well.
func TestRulesAreKept(t *testing.T) {
	body := `{"metadata":{"name":"x","labels":{"kustomize.toolkit.fluxcd.io/name":"a","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}},"spec":{"type":"Limited"}}`
	for _, got := range []string{APIService(decoded(t, body)).Keeper, PriorityLevel(decoded(t, body)).Keeper} {
		if got != "Kustomization flux-system/a" {
			t.Errorf("got %q", got)
		}
	}
}
