package repair

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Patch is a change of an object as its repository takes it: a patch of
// Kustomize, in YAML.
type Patch struct {
	Name string // of a file
	Text []byte
}

// A Planned is a plan, and what it was made from.
type Planned struct {
	From *snapshot.Snapshot
	Plan op.Plan
}

// Patches are the changes that plans of one cluster make to objects which a
// reconciler keeps as they are in a repository. Those of one object are one
// file, whichever plans they are of. The error joins what no patch can be
// written of; those of the others are there.
func Patches(plans ...Planned) ([]Patch, error) {
	var out []Patch
	var errs []error
	at := map[string]*draft{}
	var order []*draft
	for _, p := range plans {
		for _, o := range p.Plan {
			path := fault.Changed(o)
			k, keeper := fault.Keeper(p.From.Cluster, path)
			if keeper == "" {
				continue
			}
			d := at[path]
			if d == nil {
				d = &draft{kind: k, version: version(path), keeper: keeper}
				d.release, d.chart = fault.Rendered(p.From.Cluster, keeper)
				d.say("%s, which %s keeps as it is in %s.", k, keeper, fault.Repository(p.From.Cluster, keeper))
				at[path], order = d, append(order, d)
			}
			if d.err == nil {
				d.err = d.once(o)
			}
		}
	}
	for _, d := range order {
		p, err := d.patch()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(errs...)
}

// version is the apiVersion in a REST path.
func version(at string) string {
	w := strings.Split(strings.TrimPrefix(at, "/"), "/")
	if w[0] == "api" && len(w) > 1 {
		return w[1]
	}
	if len(w) > 2 {
		return w[1] + "/" + w[2]
	}
	return ""
}

// A draft is the patch of one object: a strategic merge, in body, or a JSON
// patch, in steps, which is what it takes to change lists by their order.
type draft struct {
	kind    fault.Kind
	version string
	head    strings.Builder
	body    map[string]any
	steps   []step
	keeper  string
	chart   bool // it is rendered from a chart of Helm
	release snapshot.GitOps
	seen    map[string]string // what is set, by what it is set of
	err     error             // why there is no patch
}

// A step is an operation of a JSON patch, RFC 6902.
type step struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

func (d *draft) say(format string, args ...any) {
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ") // no line of it may leave the comment
	d.head.WriteString("# " + text + "\n")
}

// once adds a change that several plans may have. Two that are not of one mind
// are an error.
func (d *draft) once(o op.Op) error {
	what, data := o.Kind(), []byte(nil)
	switch x := o.(type) {
	case op.SetField:
		what, data = strings.Join(x.Field, "\x00"), x.Value
	case op.PatchObject:
		what, data = string(x.Patch), nil
	}
	if d.seen == nil {
		d.seen = map[string]string{}
	}
	if was, ok := d.seen[what]; ok {
		if was != string(data) {
			return fmt.Errorf("cannot write the patch of %s: two repairs change it otherwise (%s): name one of them", d.kind, o)
		}
		return nil
	}
	d.seen[what] = string(data)
	return d.add(o)
}

func (d *draft) add(o op.Op) error {
	d.say("%s", o)
	switch x := o.(type) {
	case op.PatchObject:
		var body map[string]any
		if err := json.Unmarshal(x.Patch, &body); err != nil {
			return fmt.Errorf("cannot write the patch of %s: %w", d.kind, err)
		}
		d.merge(body)
		return nil
	case op.DeleteObject:
		d.merge(map[string]any{"$patch": "delete"})
		return nil
	case op.SetField:
		return d.set(x)
	}
	return fmt.Errorf("cannot write the patch of %s: %s is no change of it", d.kind, o)
}

// set adds a field: by the names of elements where lists are on the way, and
// else as a step, which replaces what is there.
func (d *draft) set(x op.SetField) error {
	named, numbered := false, false
	for _, f := range x.Field {
		named = named || strings.Contains(f, "=")
		numbered = numbered || f != "" && strings.Trim(f, "0123456789") == ""
	}
	if named && numbered {
		return fmt.Errorf("cannot write the patch of %s: %s lies in lists of two sorts", d.kind, strings.Join(x.Field, "."))
	}
	if !named {
		s := step{Op: "add", Path: pointer(x.Field), Value: x.Value}
		if x.Value == nil {
			s.Op = "remove"
		}
		d.steps = append(d.steps, s)
		return nil
	}
	var v any
	if x.Value != nil {
		if err := json.Unmarshal(x.Value, &v); err != nil {
			return fmt.Errorf("cannot write the patch of %s: %w", d.kind, err)
		}
	}
	for i := len(x.Field) - 1; i >= 0; i-- {
		f := x.Field[i]
		if key, value, ok := strings.Cut(f, "="); ok {
			e, ok := v.(map[string]any)
			if !ok {
				return fmt.Errorf("cannot write the patch of %s: %s is an element of a list", d.kind, strings.Join(x.Field, "."))
			}
			e[key] = value
			v = []any{e}
			continue
		}
		v = map[string]any{f: v}
	}
	d.merge(v.(map[string]any))
	return nil
}

// pointer is a JSON pointer, RFC 6901.
func pointer(field []string) string {
	var b strings.Builder
	for _, f := range field {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(f))
	}
	return b.String()
}

// merge adds to the body.
func (d *draft) merge(more map[string]any) {
	if d.body == nil {
		meta := map[string]any{"name": d.kind.Name}
		if d.kind.Namespace != "" {
			meta["namespace"] = d.kind.Namespace
		}
		d.body = map[string]any{"apiVersion": d.version, "kind": d.kind.Kind, "metadata": meta}
	}
	join(d.body, more)
}

func join(to, from map[string]any) {
	for k, v := range from {
		a, ok1 := to[k].(map[string]any)
		b, ok2 := v.(map[string]any)
		c, ok3 := to[k].([]any)
		e, ok4 := v.([]any)
		switch {
		case ok1 && ok2:
			join(a, b)
		case ok3 && ok4:
			to[k] = append(c, e...)
		default:
			to[k] = v
		}
	}
}

// patch is the file. JSON is YAML, and needs no other writer.
func (d *draft) patch() (Patch, error) {
	if d.err != nil {
		return Patch{}, d.err
	}
	if d.chart && d.release.Kind != "HelmRelease" {
		return Patch{}, fmt.Errorf("cannot write the patch of %s: %s renders it from a chart, which only its values can change", d.kind, d.keeper)
	}
	var body any = d.body
	if d.steps != nil {
		if d.body != nil {
			return Patch{}, fmt.Errorf("cannot write the patch of %s: %w", d.kind, errors.New("it takes two, of different sorts"))
		}
		body = d.steps
	}
	data, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		return Patch{}, fmt.Errorf("cannot write the patch of %s: %w", d.kind, err)
	}
	name := strings.ToLower(strings.Trim(d.kind.Kind+"-"+d.kind.Namespace, "-") + "-" + d.kind.Name)
	name = strings.NewReplacer("/", "-", ":", "-").Replace(name) + ".yaml"
	target := "{kind: " + d.kind.Kind + ", name: " + d.kind.Name
	if d.kind.Namespace != "" {
		target += ", namespace: " + d.kind.Namespace
	}
	if d.chart {
		if data, err = d.rendered(data); err != nil {
			return Patch{}, fmt.Errorf("cannot write the patch of %s: %w", d.kind, err)
		}
		d.say("In the manifest of HelmRelease %s/%s: this is to be added to spec.postRenderers.", d.release.Namespace, d.release.Name)
	} else {
		d.say("In kustomization.yaml: patches: [{path: %s, target: %s}}]", name, target)
	}
	return Patch{name, append([]byte(d.head.String()), append(data, '\n')...)}, nil
}

// rendered is the patch as a HelmRelease takes it, which changes with it what its
// chart has rendered.
func (d *draft) rendered(patch []byte) ([]byte, error) {
	group, version, ok := strings.Cut(d.version, "/")
	if !ok {
		group, version = "", d.version
	}
	target := map[string]any{"version": version, "kind": d.kind.Kind, "name": d.kind.Name}
	if group != "" {
		target["group"] = group
	}
	if d.kind.Namespace != "" {
		target["namespace"] = d.kind.Namespace
	}
	return json.MarshalIndent(map[string]any{
		"apiVersion": "helm.toolkit.fluxcd.io/" + cmp.Or(d.release.Version, "v2"), "kind": "HelmRelease", "metadata": map[string]any{"namespace": d.release.Namespace, "name": d.release.Name},
		"spec": map[string]any{"postRenderers": []any{map[string]any{"kustomize": map[string]any{"patches": []any{map[string]any{"target": target, "patch": string(patch)}}}}}},
	}, "", "  ")
}
