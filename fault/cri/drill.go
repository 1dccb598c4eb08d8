package cri

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Broken plans for a drill that the runtime is restarted with what was
// changed. It may not come up.
func Broken(s *snapshot.Snapshot) (op.Unit, error) {
	u, err := Restart(s)
	u.MayFail = true
	return u, err
}

// Main is the runtime's main file, for a drill to change.
func Main(s *snapshot.Snapshot) (snapshot.Text, error) {
	switch {
	case s.Runtime == nil || s.Runtime.Config == nil || s.Runtime.Settings == nil:
		return snapshot.Text{}, errors.New("cannot change the container runtime's configuration: it has none")
	case s.Runtime.Settings.Kind != "containerd" || s.Runtime.Settings.Version < 3:
		return snapshot.Text{}, errors.New("cannot change the container runtime's configuration: it is not one of containerd in layout 3 or later")
	}
	return *s.Runtime.Config, Changeable(s.Runtime.Config.Path)
}

// Set plans for a drill that a key of the snapshot has a value, written as
// TOML: in the main file, or, as the dice fall, in a file that it imports. The
// runtime is restarted.
func Set(s *snapshot.Snapshot, d *fault.Dice, key, value string) (op.Plan, error) {
	t, err := Main(s)
	if err != nil {
		return nil, err
	}
	restart, err := Broken(s)
	if err != nil {
		return nil, err
	}
	var plan op.Plan
	if _, imports := Setting(s.Runtime, "imports"); d.Int(0, 1) == 0 && !imports {
		plan, err = beside(t, d, s.Runtime.Settings.Version, key, value)
	} else {
		plan, err = within(s.Runtime, t, key, value)
	}
	return append(plan, restart), err
}

// header is the table of a key as a file writes it, and the key's last part.
func header(key string) (table, last string) {
	at := strings.LastIndex(key, "/")
	if at < 0 {
		return "", key
	}
	parts := strings.Split(key[:at], "/")
	for i, p := range parts {
		if strings.Contains(p, ".") {
			parts[i] = "'" + p + "'"
		}
	}
	return "[" + strings.Join(parts, ".") + "]", key[at+1:]
}

// within writes the setting into the main file: over the line that has it, in
// its table, or in a new one at the end.
func within(r *snapshot.Runtime, t snapshot.Text, key, value string) (op.Plan, error) {
	table, last := header(key)
	n, old := len(t.Lines())+1, 0
	with := []string{"", table, "  " + last + " = " + value}
	if x, ok := Setting(r, key); ok && x.Path == t.Path {
		n, old, with = x.Line, 1, []string{Assign(t, x.Line, value)}
	} else if v, ok := Setting(r, "version"); ok && table == "" {
		n, with = v.Line+1, []string{last + " = " + value}
	} else {
		for i, l := range t.Lines() {
			if strings.ReplaceAll(strings.TrimSpace(l), `"`, "'") == table {
				n, with = i+2, []string{"  " + last + " = " + value}
			}
		}
	}
	w, err := fault.EditLines(t, n, n+old-1, with, last+" in "+path.Base(t.Path))
	return op.Plan{w}, err
}

// beside writes the setting into a file of its own, which the main file
// imports.
func beside(t snapshot.Text, d *fault.Dice, version int, key, value string) (op.Plan, error) {
	dir := path.Join(path.Dir(t.Path), fault.Pick(d, []string{"conf.d", "config.d", "containerd.d"}))
	name := path.Join(dir, fmt.Sprintf("%d-%s.toml", d.Int(10, 99), d.Name()))
	n := 1
	for i, l := range t.Lines() {
		if strings.HasPrefix(l, "version") {
			n = i + 2
		}
	}
	w, err := fault.EditLines(t, n, n-1, []string{fmt.Sprintf("imports = [%q]", dir+"/*.toml")}, "more files")
	if err != nil {
		return nil, err
	}
	table, last := header(key)
	text := fmt.Sprintf("version = %d\n\n%s\n  %s = %s\n", version, table, last, value)
	if table == "" {
		text = fmt.Sprintf("version = %d\n%s = %s\n", version, last, value)
	}
	return op.Plan{w, op.WriteFile{Path: name, Data: []byte(text), Mode: 0o644, Why: last + " in a file of its own"}}, nil
}

// Newcomer plans for a drill that a pod comes to this node: one more of an
// image that runs on it. What hinders new pods shows in it.
func Newcomer(s *snapshot.Snapshot, d *fault.Dice) (op.CreateObject, error) {
	if s.Cluster == nil {
		return op.CreateObject{}, errors.New("cannot send a pod to the node: the API did not answer")
	}
	for _, p := range s.Cluster.Pods {
		if p.Node != s.Node || p.HostNet || p.Namespace == "kube-system" || p.Detail == nil || len(p.Detail.Containers) != 1 || p.Detail.Containers[0].State != "running" {
			continue
		}
		name, c := d.Name(), p.Detail.Containers[0]
		body := fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":%q,"labels":{"app":%q}},"spec":{"nodeName":%q,`+
			`"automountServiceAccountToken":false,"terminationGracePeriodSeconds":1,"tolerations":[{"operator":"Exists"}],`+
			`"containers":[{"name":"main","image":%q,"imagePullPolicy":"IfNotPresent"}]}}`, name, p.Namespace, name, s.Node, c.Image)
		return op.CreateObject{Path: "/api/v1/namespaces/" + p.Namespace + "/pods/" + name, Body: []byte(body)}, nil
	}
	return op.CreateObject{}, errors.New("cannot send a pod to the node: none of one container with a network of its own runs here")
}

// Image is the image of a pod that a drill sends.
func Image(c op.CreateObject) (image string, ok bool) {
	var x struct {
		Spec struct {
			Containers []struct{ Image string }
		}
	}
	if json.Unmarshal(c.Body, &x) != nil || len(x.Spec.Containers) != 1 {
		return "", false
	}
	return x.Spec.Containers[0].Image, true
}

// WithImage is the pod with another image and policy.
func WithImage(c op.CreateObject, image, policy string) (op.CreateObject, error) {
	var x map[string]any
	if err := json.Unmarshal(c.Body, &x); err != nil {
		return c, fmt.Errorf("cannot read %s: %w", c.Path, err)
	}
	spec, _ := x["spec"].(map[string]any)
	list, _ := spec["containers"].([]any)
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			m["image"], m["imagePullPolicy"] = image, policy
		}
	}
	body, err := json.Marshal(x)
	c.Body = body
	return c, err
}
