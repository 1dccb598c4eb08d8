package object

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// Volume converts a PersistentVolume.
func Volume(o schema.Object) snapshot.Volume {
	spec := o.Sub("spec")
	v := snapshot.Volume{
		Name: o.Text("metadata", "name"), Phase: o.Text("status", "phase"), Class: spec.Text("storageClassName"), Size: spec.Text("capacity", "storage"),
		Modes: spec.Texts("accessModes"), Deleting: o.Has("metadata", "deletionTimestamp"), Message: short(o.Text("status", "message")),
		Created: when(o, "metadata", "creationTimestamp"),
	}
	if ref := spec.Sub("claimRef"); ref != nil {
		v.Bound = ref.Text("namespace") + "/" + ref.Text("name")
	}
	for kind, x := range spec {
		if src, ok := x.(schema.Object); ok && !slices.Contains([]string{"capacity", "claimRef", "nodeAffinity"}, kind) {
			v.Source = volumeSource(schema.Object{kind: src})
		}
	}
	return v
}

// Claim converts a PersistentVolumeClaim.
func Claim(o schema.Object) snapshot.Volume {
	spec := o.Sub("spec")
	v := snapshot.Volume{
		Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Phase: o.Text("status", "phase"), Class: spec.Text("storageClassName"),
		Size: spec.Text("resources", "requests", "storage"), Modes: spec.Texts("accessModes"), Bound: spec.Text("volumeName"),
		Deleting: o.Has("metadata", "deletionTimestamp"), Created: when(o, "metadata", "creationTimestamp"),
	}
	for _, c := range o.List("status", "conditions") {
		v.Message = short(c.Text("type") + ": " + c.Text("message"))
	}
	return v
}

// StorageClass converts a StorageClass.
func StorageClass(o schema.Object) snapshot.StorageClass {
	return snapshot.StorageClass{
		Name: o.Text("metadata", "name"), Provisioner: o.Text("provisioner"), Binding: o.Text("volumeBindingMode"), Reclaim: o.Text("reclaimPolicy"),
		Default: o.Map("metadata", "annotations")["storageclass.kubernetes.io/is-default-class"] == "true",
	}
}

// CSIDriver adds a CSIDriver to list.
func CSIDriver(list []snapshot.CSIDriver, o schema.Object) []snapshot.CSIDriver {
	list, d := driver(list, o.Text("metadata", "name"))
	d.Known, d.Attach = true, !o.Has("spec", "attachRequired") || o.Bool("spec", "attachRequired")
	return list
}

// CSINode adds to list which drivers a node says it has.
func CSINode(list []snapshot.CSIDriver, o schema.Object) []snapshot.CSIDriver {
	for _, x := range o.List("spec", "drivers") {
		var d *snapshot.CSIDriver
		list, d = driver(list, x.Text("name"))
		d.Nodes = append(d.Nodes, o.Text("metadata", "name"))
	}
	return list
}

func driver(list []snapshot.CSIDriver, name string) ([]snapshot.CSIDriver, *snapshot.CSIDriver) {
	i := slices.IndexFunc(list, func(d snapshot.CSIDriver) bool { return d.Name == name })
	if i < 0 {
		list, i = append(list, snapshot.CSIDriver{Name: name}), len(list)
	}
	return list, &list[i]
}

// RuntimeClass converts a RuntimeClass.
func RuntimeClass(o schema.Object) snapshot.RuntimeClass {
	return snapshot.RuntimeClass{Name: o.Text("metadata", "name"), Handler: o.Text("handler"), NodeSelector: o.Map("scheduling", "nodeSelector")}
}

// maxData bounds the bytes of one entry of a ConfigMap.
const maxData = 16 << 10

// ConfigMapText converts a ConfigMap, with secrets in it replaced.
func ConfigMapText(o schema.Object) snapshot.ConfigMap {
	c := snapshot.ConfigMap{Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Data: map[string]string{}, Managers: Managers(o), Keeper: kept(o)}
	for k, v := range o.Map("data") {
		switch {
		case strings.HasPrefix(k, "jws-kubeconfig-"):
			c.Data[k] = secret.Mark(v) // signed with a bootstrap token
		case strings.Contains(k, "kubeconfig"):
			c.Data[k] = cut(secret.YAML(v), maxData)
		default:
			c.Data[k] = cut(secret.Scrub(v), maxData)
		}
	}
	return c
}

// Event converts a core/v1 Event.
func Event(o schema.Object) snapshot.Event {
	ref := o.Sub("involvedObject")
	e := snapshot.Event{
		Namespace: ref.Text("namespace"), Object: ref.Text("kind") + "/" + ref.Text("name"), Type: o.Text("type"), Reason: o.Text("reason"),
		Message: secret.Scrub(short(o.Text("message"))), Component: cmp.Or(o.Text("source", "component"), o.Text("reportingComponent")),
		Host: o.Text("source", "host"), Count: int(max(1, o.Int("count"), o.Int("series", "count"))),
	}
	created := when(o, "metadata", "creationTimestamp")
	e.First, e.Last = when(o, "firstTimestamp"), created
	if e.First.IsZero() {
		e.First = created
	}
	for _, path := range [][]string{{"lastTimestamp"}, {"eventTime"}, {"series", "lastObservedTime"}} {
		if at := when(o, path...); at.After(e.Last) {
			e.Last = at
		}
	}
	return e
}

// Events joins events that say the same of the same object, the latest first,
// and keeps at most n. It reports how many were left out.
func Events(all []snapshot.Event, n int) ([]snapshot.Event, int) {
	type key struct{ namespace, object, kind, reason, message, host string }
	at := map[key]int{}
	var out []snapshot.Event
	for _, e := range all {
		k := key{e.Namespace, e.Object, e.Type, e.Reason, e.Message, e.Host}
		i, known := at[k]
		if !known {
			at[k] = len(out)
			out = append(out, e)
			continue
		}
		x := &out[i]
		x.Count += e.Count
		if e.First.Before(x.First) {
			x.First = e.First
		}
		if e.Last.After(x.Last) {
			x.Last = e.Last
		}
	}
	order.By(out, func(a, b snapshot.Event) int { return b.Last.Compare(a.Last) })
	kept := min(n, len(out))
	return out[:kept], len(out) - kept
}

// GitOps converts an object of Flux or Argo CD. Of an Application of several
// sources the first is told.
func GitOps(o schema.Object) snapshot.GitOps {
	source, ref, chart := o.Sub("spec", "source"), o.Sub("spec", "sourceRef"), o.Sub("spec", "chart", "spec")
	if all := o.List("spec", "sources"); len(all) > 0 {
		source = all[0]
	}
	switch {
	case o.Has("spec", "chartRef"):
		ref = o.Sub("spec", "chartRef")
	case chart.Has("sourceRef"):
		ref = chart.Sub("sourceRef")
	}
	automated := o.Sub("spec", "syncPolicy", "automated")
	enabled, told := automated.Value("enabled").(bool)
	g := snapshot.GitOps{
		Kind: o.Text("kind"), Version: versionOf(o.Text("apiVersion")), Namespace: o.Text("metadata", "namespace"), Name: o.Text("metadata", "name"), Suspended: o.Bool("spec", "suspend"),
		Ready: o.Text("status", "sync", "status"), Message: short(o.Text("status", "operationState", "message")),
		Source:          secret.Scrub(strings.Trim(ref.Text("kind")+"/"+ref.Text("name")+source.Text("repoURL")+o.Text("spec", "url"), "/")),
		SourceNamespace: ref.Text("namespace"), Automated: o.Has("spec", "syncPolicy", "automated") && (enabled || !told),
		Path: first(source.Text("path"), source.Text("chart"), chart.Text("chart"), o.Text("spec", "path")),
		Revision: first(o.Text("status", "lastAppliedRevision"), o.Text("status", "lastAttemptedRevision"), o.Text("status", "sync", "revision"),
			o.Text("status", "artifact", "revision"), source.Text("targetRevision")),
	}
	for _, c := range o.List("status", "conditions") {
		if c.Text("type") == "Ready" {
			g.Ready, g.Message = c.Text("status"), short(c.Text("message"))
		}
	}
	g.Named, g.Keeper = o.Has("spec", "suspend"), kept(o)
	for _, r := range o.List("metadata", "ownerReferences") {
		g.Owner = short(r.Text("kind") + " " + r.Text("name"))
	}
	switch g.Kind {
	case "HelmRelease":
		// before v2beta2 the controller's own flags decide
		g.Chart, g.Drifts = true, g.Version != "v2beta1" && o.Text("spec", "driftDetection", "mode") != "enabled"
	case "Application":
		g.Chart = source.Has("chart") || strings.Contains(o.Text("status", "sourceType")+fmt.Sprint(o.Value("status", "sourceTypes")), "Helm")
		g.Drifts = !automated.Bool("selfHeal")
		if data, err := json.Marshal(automated); err == nil && g.Automated && len(data) < 200 && !strings.Contains(string(data), "'") { // it is shown in a command
			g.Sync = string(data)
		}
	}
	return g
}

// version is that of a group; it becomes part of paths.
var version = regexp.MustCompile(`^v[0-9]+(?:(?:alpha|beta)[0-9]+)?$`)

// versionOf is the version of an apiVersion, or "".
func versionOf(api string) string {
	if _, v, ok := strings.Cut(api, "/"); ok && version.MatchString(v) {
		return v
	}
	return ""
}

// first is the first text that says something, in bounds.
func first(all ...string) string {
	for _, x := range all {
		if x != "" {
			return short(x)
		}
	}
	return ""
}
