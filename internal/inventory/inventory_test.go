package inventory

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/object/schema"
)

// A shelf is a source of JSON objects by key.
type shelf map[string]string

func (s shelf) Keys(_ context.Context, fn func(string)) error {
	for k := range s {
		fn(k)
	}
	return nil
}

func (s shelf) Range(_ context.Context, prefix string, fn func(Record) error) error {
	for k, v := range s {
		if strings.HasPrefix(k, prefix) {
			if err := fn(Record{k, []byte(v), 7}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s shelf) About() []string { return nil }
func (s shelf) Close()          {}

var cluster = shelf{
	Root + "apiextensions.k8s.io/customresourcedefinitions/widgets.example.com": `{"kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},
"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","singular":"widget","kind":"Widget","shortNames":["wd"]},"versions":[{"name":"v1","storage":true}]}}`,
	Root + "example.com/widgets/shop/a": `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","namespace":"shop","managedFields":[1]},"spec":{"n":1.5}}`,
	Root + "secrets/shop/s":             `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"shop","annotations":{"kubectl.kubernetes.io/last-applied-configuration":"geheim"}},"data":{"k":"Z2VoZWlt"}}`,
	Root + "secrets/shop/t":             "k8s:enc:aescbc:v1:key1:xx",
	Root + "pods/shop/p": `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"shop","labels":{"app":"x"},"creationTimestamp":"2026-03-04T05:00:00Z"},
"spec":{"containers":[{},{}]},"status":{"phase":"Running","containerStatuses":[{"ready":true,"restartCount":2},{"restartCount":3,"lastState":{"terminated":{"finishedAt":"2026-03-04T05:05:05Z"}},"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}}`,
	Root + "masterleases/10.0.0.1": `{"kind":"Endpoints","metadata":{}}`,
	"compact_rev_key":              "1",
}

func TestResolve(t *testing.T) {
	for name, want := range map[string]string{
		"po": "pods/", "Pod": "pods/", "deploy.apps": "deployments/", "deployments.v1.apps": "deployments/", "no": "minions/",
		"svc": "services/specs/", "ep": "services/endpoints/", "ing": "ingress/", "crd": "apiextensions.k8s.io/customresourcedefinitions/",
		"wd": "example.com/widgets/", "widget": "example.com/widgets/", "widgets.example.com": "example.com/widgets/",
		"deploy.batch": "", "widgets.other.com": "", "nonsense": "",
	} {
		k, err := Resolve(context.Background(), cluster, name)
		if got := strings.TrimPrefix(k.Prefix, Root); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestPresent(t *testing.T) {
	counts, err := Present(context.Background(), cluster)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range counts {
		got += c.Kind.Kind + " " + c.Kind.Prefix + ";"
	}
	want := " (not below /registry/);CustomResourceDefinition /registry/apiextensions.k8s.io/customresourcedefinitions/;" +
		"Widget /registry/example.com/widgets/; /registry/masterleases/;Pod /registry/pods/;Secret /registry/secrets/;"
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func get(t *testing.T, kind string, q Query) []Item {
	t.Helper()
	var err error
	if q.Kind, err = Resolve(context.Background(), cluster, kind); err != nil {
		t.Fatal(err)
	}
	items, err := Get(context.Background(), cluster, q)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

func TestSecretsAreHidden(t *testing.T) {
	var b bytes.Buffer
	nameless := schema.Object{"metadata": schema.Object{}, "data": schema.Object{"k": "Z2VoZWlt"}}
	if (Query{Kind: Kind{Kind: "Secret"}}).clean(nameless); nameless.Text("data", "k") != "(hidden, 6 bytes)" {
		t.Errorf("one that does not say its kind: got %v", nameless)
	}
	if err := WriteYAML(&b, get(t, "secret", Query{Names: []string{"s"}}), true); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); strings.Contains(s, "Z2VoZWlt") || strings.Contains(s, "geheim") || !strings.Contains(s, "k: (hidden, 6 bytes)") {
		t.Errorf("got %s", s)
	}
	b.Reset()
	if err := WriteJSON(&b, get(t, "secret", Query{Secrets: true}), false); err != nil || !strings.Contains(b.String(), "Z2VoZWlt") {
		t.Errorf("got %s, %v", b.String(), err)
	}
	if x := get(t, "secret", Query{Names: []string{"t"}}); len(x) != 1 || x[0].Err == nil || x[0].Namespace != "shop" || !strings.Contains(x[0].Err.Error(), "aescbc:v1:key1") {
		t.Errorf("an encrypted one: got %+v", x)
	}
}

func TestCustomResource(t *testing.T) {
	var b bytes.Buffer
	if err := WriteYAML(&b, get(t, "wd", Query{Namespace: "shop"}), false); err != nil {
		t.Fatal(err)
	}
	want := `apiVersion: v1
items:
- apiVersion: example.com/v1
  kind: Widget
  metadata:
    name: a
    namespace: shop
    resourceVersion: "7"
  spec:
    "n": 1.5
kind: List
metadata:
  resourceVersion: ""
`
	if b.String() != want {
		t.Errorf("got %s\nwant %s", b.String(), want)
	}
}

// TestYAMLIsFolded: a long text goes on in the next line, as kubectl has it.
func TestYAMLIsFolded(t *testing.T) {
	var b bytes.Buffer
	o := schema.Object{"description": "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.", "yes": "on"}
	if err := WriteYAML(&b, []Item{{Object: o}}, true); err != nil {
		t.Fatal(err)
	}
	want := "description: Used for system critical pods that must run in the cluster, but can be\n  moved to another node if necessary.\n\"yes\": \"on\"\n"
	if b.String() != want {
		t.Errorf("got %s\nwant %s", b.String(), want)
	}
}

func TestTable(t *testing.T) {
	sel, err := ParseSelector("app=x,tier!=db")
	if err != nil {
		t.Fatal(err)
	}
	items := get(t, "po", Query{Selector: sel})
	var b bytes.Buffer
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := (Table{Namespaces: true, Wide: true, Now: now}).Write(&b, items[0].Kind, items); err != nil {
		t.Fatal(err)
	}
	want := "NAMESPACE   NAME   READY   STATUS             RESTARTS      AGE    IP       NODE     NOMINATED NODE   READINESS GATES\n" +
		"shop        p      1/2     CrashLoopBackOff   5 (62s ago)   6m7s   <none>   <none>   <none>           <none>\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

func TestSelector(t *testing.T) {
	labels := map[string]string{"app": "web", "tier": "a"}
	for text, want := range map[string]bool{
		"": true, "app=web": true, "app==web": true, "app!=web": false, "x!=y": true, "app": true, "!app": false, "!x": true,
		"app in (web,db),tier=a": true, "tier notin (a, b)": false, "app in (db)": false, "x in (y)": false,
	} {
		s, err := ParseSelector(text)
		if err != nil || s.Matches(labels) != want {
			t.Errorf("%q: got %v, %v, want %v", text, s.Matches(labels), err, want)
		}
	}
	for _, bad := range []string{"a=b=c d", "in (x", "a in x"} {
		if s, err := ParseSelector(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, s)
		}
	}
}

func TestPodStatus(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":{"phase":"Pending","conditions":[{"type":"PodScheduled","reason":"SchedulingGated"}]}}`: "SchedulingGated",
		`{"status":{"phase":"Failed","reason":"Evicted"}}`:                                                 "Evicted",
		`{"metadata":{"deletionTimestamp":"x"},"status":{"phase":"Running"}}`:                              "Terminating",
		`{"spec":{"initContainers":[{"name":"a"},{"name":"b"}]},"status":{"phase":"Pending","initContainerStatuses":[{"name":"a","state":{"terminated":{"exitCode":0}}},{"name":"b","state":{"running":{}}}]}}`: "Init:1/2",
		`{"status":{"phase":"Pending","initContainerStatuses":[{"state":{"terminated":{"exitCode":3}}}]}}`:                                                                                                      "Init:ExitCode:3",
		`{"status":{"phase":"Running","containerStatuses":[{"state":{"terminated":{"exitCode":1,"reason":"OOMKilled"}}}]}}`:                                                                                     "OOMKilled",
	} {
		o, err := schema.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := podStatus(o); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 90 * time.Second: "90s", 5*time.Minute + 3*time.Second: "5m3s", 50 * time.Minute: "50m", 5*time.Hour + 2*time.Minute: "5h2m",
		30 * time.Hour: "30h", 75 * time.Hour: "3d3h", 100 * 24 * time.Hour: "100d", 800 * 24 * time.Hour: "2y70d",
	} {
		if got := Age(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}

func FuzzSelector(f *testing.F) {
	f.Add("a in (b,c),!d,e!=f")
	f.Fuzz(func(_ *testing.T, text string) {
		if s, err := ParseSelector(text); err == nil {
			s.Matches(map[string]string{"a": "b"})
		}
	})
}

// TestColumns: the columns are those of kubectl, in its order.
func TestColumns(t *testing.T) {
	for kind, want := range map[string]string{
		"nodes":           "NAME STATUS ROLES AGE VERSION",
		"events":          "LAST SEEN TYPE REASON OBJECT MESSAGE",
		"deployments":     "NAME READY UP-TO-DATE AVAILABLE AGE",
		"priorityclasses": "NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY",
		"clusterroles":    "NAME CREATED AT",
		"limitranges":     "NAME AGE",
	} {
		k, ok := Match(Builtin(), kind)
		var b bytes.Buffer
		if err := (Table{}).Write(&b, k, nil); err != nil || !ok || strings.Join(strings.Fields(b.String()), " ") != want {
			t.Errorf("%s: got %q, %v, want %q", kind, b.String(), err, want)
		}
	}
}

// TestEndpointsAreCut: a service may have thousands.
func TestEndpointsAreCut(t *testing.T) {
	a := schema.Object{"ip": "10.0.0.1"}
	o := schema.Object{"subsets": []any{schema.Object{"addresses": []any{a, a, a, a, a}, "ports": []any{schema.Object{"port": int64(80)}}}}}
	if got, want := endpoints(o), "10.0.0.1:80,10.0.0.1:80,10.0.0.1:80 + 2 more..."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
