package baseline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml2 "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Kinds are the objects that are kept, as klustered get names them.
const Kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,validatingadmissionpolicybindings," +
	"clusterroles,clusterrolebindings,roles,rolebindings"

// An Object is an object of the cluster without what changes by itself.
type Object struct {
	Place string // in the repository
	Kind  string
	Group string // with its version
	Name  string // with its namespace and a slash before it
	Body  map[string]any
	By    string    // who changed it last, by its managedFields
	At    time.Time // when
}

// Path is its address at the API server.
func (o Object) Path() string {
	resource := strings.ToLower(o.Kind) + "s"
	if stem, ok := strings.CutSuffix(resource, "ys"); ok {
		resource = stem + "ies"
	}
	namespace, name, in := strings.Cut(o.Name, "/")
	if !in {
		return "/apis/" + o.Group + "/" + resource + "/" + url.PathEscape(o.Name)
	}
	return "/apis/" + o.Group + "/namespaces/" + namespace + "/" + resource + "/" + url.PathEscape(name)
}

// YAML is its text in the repository, as kubectl would write it. What the third
// version of the module reads of it is what was written by the second.
func (o Object) YAML() ([]byte, error) { return yaml2.Marshal(o.Body) }

// Objects reads what klustered get -o json says: one object, or a list. Left is
// what cannot be kept, and why.
func Objects(list []byte) (all []Object, left []string, err error) {
	d := json.NewDecoder(bytes.NewReader(list))
	d.UseNumber()
	var top map[string]any
	if err := d.Decode(&top); err != nil {
		return nil, nil, fmt.Errorf("cannot read the objects: %w", err)
	}
	items, many := top["items"].([]any)
	if !many {
		items = []any{top}
	}
	for _, x := range items {
		body, _ := numbers(x).(map[string]any)
		o, err := newObject(body)
		if err != nil {
			left = append(left, err.Error())
			continue
		}
		all = append(all, o)
	}
	order.By(all, byPlace)
	return all, left, nil
}

func byPlace(a, b Object) int { return strings.Compare(a.Place, b.Place) }

// numbers makes of JSON's numbers what YAML's are read as: whole ones stay whole.
func numbers(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = numbers(e)
		}
	case []any:
		for i, e := range x {
			x[i] = numbers(e)
		}
	case json.Number:
		if n, err := strconv.Atoi(x.String()); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(x.String(), 10, 64); err == nil {
			return n
		}
		n, err := x.Float64()
		if err != nil {
			return x.String()
		}
		return n
	}
	return v
}

// fleeting are the fields of metadata that the API server sets.
var fleeting = []string{"resourceVersion", "uid", "creationTimestamp", "generation", "managedFields", "selfLink", "ownerReferences", "deletionTimestamp", "deletionGracePeriodSeconds"}

func newObject(body map[string]any) (Object, error) {
	meta, _ := body["metadata"].(map[string]any)
	group, _ := body["apiVersion"].(string)
	kind, _ := body["kind"].(string)
	name, _ := meta["name"].(string)
	namespace, _ := meta["namespace"].(string)
	short, _, _ := strings.Cut(group, "/")
	place, err := Place(kind, short, namespace, name)
	if err != nil {
		return Object{}, err
	}
	o := Object{Place: place, Kind: kind, Group: group, Name: strings.TrimPrefix(namespace+"/"+name, "/"), Body: body}
	if by := object.Managers(schema.Object{"metadata": schemaOf(meta)}); len(by) > 0 {
		o.By, o.At = by[0].Name, by[0].At
	}
	for _, f := range fleeting {
		delete(meta, f)
	}
	delete(body, "status")
	if body["aggregationRule"] != nil { // a controller fills in the rest
		delete(body, "rules")
	}
	return o, nil
}

// Objects are those that the version keeps.
func (b *Base) Objects() ([]Object, error) {
	var out []Object
	for _, name := range slices.Sorted(maps.Keys(b.files)) {
		if !strings.HasPrefix(name, "cluster/") {
			continue
		}
		data, err := b.get(name)
		if err != nil {
			return nil, err
		}
		var body map[string]any
		if err := yaml.Unmarshal(data, &body); err != nil {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		o, err := newObject(body)
		if err == nil && o.Place != name {
			err = fmt.Errorf("cannot read %s: it is the text of %s", name, o.Place)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// Since is the commit that gave the object of that place its content.
func (b *Base) Since(place string) (snapshot.Commit, error) { return b.since(place) }

// shape is what rules know of the webhooks and policies of an object, as JSON;
// ok is false of other kinds.
func shape(o Object) (kind, name, text string, ok bool) {
	x := schema.Object(schemaOf(o.Body).(schema.Object))
	switch o.Kind {
	case "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration":
		short := strings.TrimSuffix(o.Kind, "WebhookConfiguration")
		return "webhook", o.Kind + "/" + o.Name, hooks(object.Webhooks(short, x)), true
	case "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding":
		return "policy", o.Kind + "/" + o.Name, policy(object.AdmissionPolicy(o.Kind, x)), true
	}
	return "", "", "", false
}

// schemaOf makes of maps what the schema's readers want.
func schemaOf(v any) any {
	switch x := v.(type) {
	case map[string]any:
		out := schema.Object{}
		for k, e := range x {
			out[k] = schemaOf(e)
		}
		return out
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = schemaOf(e)
		}
		return out
	case int:
		return int64(x)
	}
	return v
}

func hooks(list []snapshot.Webhook) string {
	for i := range list {
		list[i].Managers, list[i].Created, list[i].Keeper, list[i].CA = nil, time.Time{}, "", "" // authorities are renewed by those who serve
	}
	return text(list)
}

func policy(p snapshot.AdmissionPolicy) string {
	p.Created, p.Keeper = time.Time{}, ""
	return text(p)
}

func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// objects compares webhooks and policies where the node has seen them all.
func (c *comparison) objects() error {
	if c.s.Cluster == nil || !c.s.Cluster.ControlPlane {
		return nil
	}
	kept, err := c.base.Objects()
	if err != nil || len(kept) == 0 {
		return err
	}
	is := seen(c.s.Cluster)
	unseen := c.s.Cluster.Source == "" || len(c.s.Cluster.API.Denied) > 0 || !c.whole(snapshot.SectionCluster)
	for _, o := range kept {
		kind, name, was, ok := shape(o)
		if !ok {
			continue
		}
		now := is[name]
		delete(is, name)
		switch {
		case now.text == was, now.text == "" && was == "null": // a configuration without webhooks
			continue
		case now.text == "" && unseen:
			c.out.Unread = append(c.out.Unread, name)
			continue
		}
		d := snapshot.Drift{Kind: kind, Name: name, State: snapshot.DriftChanged, Old: was, New: now.text, By: now.by, At: now.at}
		if now.text == "" {
			d.State = snapshot.DriftGone
		}
		if err := c.add(d, o.Place); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		now := is[name]
		if err := c.add(snapshot.Drift{Kind: now.kind, Name: name, State: snapshot.DriftAdded, New: now.text, By: now.by, At: now.at}, ""); err != nil {
			return err
		}
	}
	return nil
}

// A sight is an object as the snapshot has it.
type sight struct {
	kind, text, by string
	at             time.Time
}

// seen are the webhooks and policies of a snapshot by kind and name.
func seen(c *snapshot.Cluster) map[string]sight {
	out := map[string]sight{}
	byConfig := map[string][]snapshot.Webhook{}
	for _, w := range c.Webhooks {
		name := w.Kind + "WebhookConfiguration/" + w.Config
		byConfig[name] = append(byConfig[name], w)
	}
	for name, list := range byConfig {
		x := sight{kind: "webhook"}
		if by := list[0].Managers; len(by) > 0 { // the latest first
			x.by, x.at = by[0].Name, by[0].At
		}
		x.text = hooks(list)
		out[name] = x
	}
	for _, p := range c.Admission {
		if strings.HasPrefix(p.Kind, "Validating") {
			out[p.Kind+"/"+p.Name] = sight{kind: "policy", text: policy(p), at: p.Created}
		}
	}
	return out
}

// JSON is the object as it is sent to the API server.
func (o Object) JSON() (json.RawMessage, error) { return json.Marshal(o.Body) }
