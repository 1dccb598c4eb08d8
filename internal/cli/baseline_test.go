package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/baseline"
	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/snapshot"
)

const rules = `{"kind":"List","items":[
 {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"bound"},"roleRef":{"name":"%s"}},
 {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"namespace":"ns","name":"r"},"rules":[{"verbs":["%s"]}]},
 {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"namespace":"ns","name":"R"},"rules":[{"verbs":["%[2]s"]}]},
 {"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"kept","labels":{"v":"%[2]s"}}}
]}`

func keptText(path, content string) snapshot.Text {
	sum := sha256.Sum256([]byte(content))
	return snapshot.Text{Path: path, Content: content, SHA256: hex.EncodeToString(sum[:]), Mode: 0o644, Size: int64(len(content))}
}

func keptNode(files ...snapshot.Text) *snapshot.Snapshot {
	return &snapshot.Snapshot{Node: "cp1", Static: &snapshot.Static{}, Kubelet: &snapshot.Kubelet{Files: files}, Runtime: &snapshot.Runtime{}, CNI: &snapshot.CNI{},
		Systemd: &snapshot.Systemd{}, PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/etc/kubernetes/pki/ca.crt", SHA256: "aa", Index: 1}}}}
}

func parsed(t *testing.T, text string) []baseline.Object {
	t.Helper()
	list, left, err := baseline.Objects([]byte(text))
	if err != nil || len(left) > 0 {
		t.Fatal(err, left)
	}
	return list
}

// compared are the differences of a node from a baseline with one file, one
// certificate and four objects.
func compared(t *testing.T, a *App, s *snapshot.Snapshot, text string) *differences {
	t.Helper()
	files, err := baseline.Node(keptNode(keptText("/var/lib/kubelet/config.yaml", "a\n")))
	if err != nil {
		t.Fatal(err)
	}
	was := parsed(t, fmt.Sprintf(text, "view", "get"))
	for _, o := range was {
		if files[o.Place], err = o.YAML(); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "b")
	if err := git.Init(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := git.Record(dir, files, git.Person{Name: "op"}, at, "good"); err != nil {
		t.Fatal(err)
	}
	f := &baselineFlags{repo: dir}
	base, err := f.read()
	if err != nil {
		t.Fatal(err)
	}
	d, err := a.differ(t.Context(), f, base, []place{{spec: "x", Part: bundle.Part{Snapshot: s}}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestUnreadObjects holds that objects which could not be read do not pass for
// such as the baseline has, and that a name that nothing has is an error.
func TestUnreadObjects(t *testing.T) {
	const config = "/var/lib/kubelet/config.yaml"
	for _, tc := range []struct {
		names  []string
		unread bool
		fails  string // what the error says, if it is one that is told
		said   string // by diff, where all was compared
	}{
		{nil, true, "", ""}, {[]string{"Role/ns/r"}, true, "", ""}, {[]string{config}, true, "", ""}, {[]string{"/etc/kubernetes/manifest"}, true, "", ""},
		{nil, false, "", "All is as in"}, {[]string{config}, false, "", "What was asked for is as in"}, {[]string{"/var/lib"}, false, "", "What was asked for is as in"},
		{[]string{"/etc/kubernetes/pki/ca.crt"}, false, "", "What was asked for is as in"},
		{[]string{"/VAR/lib"}, false, "cannot find", ""}, {[]string{config, "/etc/kubernetes/manifest"}, false, `cannot find "/etc/kubernetes/manifest"`, ""},
		{[]string{"/var/lib/kubelet/config"}, false, "cannot find", ""}, {[]string{""}, false, "cannot find", ""},
		{[]string{"Role/ns/r"}, false, "cannot find", ""}, // the version has no objects
	} {
		for _, restores := range []bool{false, true} {
			var out bytes.Buffer
			a := &App{Out: &out, Err: &out, Faults: []*fault.Fault{slow}}
			text := rules
			if !tc.unread {
				text = `{"kind":"List","items":[]}%.0s%.0s`
			}
			d := compared(t, a, keptNode(keptText(config, "a\n")), text)
			want, run := tc.said, func() error { return a.tellAll(d, tc.names) }
			if restores {
				run = func() error { return a.putBack(t.Context(), &restore{all: tc.names == nil}, d, tc.names) }
				want = "Nothing to put back"
			}
			err := run()
			var code exitCode
			var ok bool
			switch {
			case tc.unread:
				ok = errors.As(err, &code) && code == diagnose.ExitIncomplete && strings.Contains(out.String(), "not compared: the cluster's objects") && !strings.Contains(out.String(), " as ")
			case tc.fails != "":
				ok = err != nil && strings.Contains(err.Error(), tc.fails) && out.Len() == 0
			default:
				ok = err == nil && strings.Contains(out.String(), want)
			}
			if !ok {
				t.Errorf("%q, restored %v, unread %v: %v, said %q", tc.names, restores, tc.unread, err, out.String())
			}
		}
	}
}

// TestRestorePlan holds what is planned, and that what cannot be put back keeps
// nothing else from it.
func TestRestorePlan(t *testing.T) {
	config := keptText("/var/lib/kubelet/config.yaml", "b\n")
	for what, tc := range map[string]struct {
		names []string
		gone  bool // there is no control plane to be seen
		want  string
		left  string
	}{
		"all":          {nil, false, "write-file, delete-object bound, create-object bound, patch-object R, patch-object r", "ValidatingWebhookConfiguration kept"},
		"elsewhere":    {nil, true, "write-file, delete-object bound, create-object bound, patch-object R, patch-object r, patch-object kept", ""},
		"a kind":       {[]string{"role"}, false, "patch-object R, patch-object r", ""},
		"a namespace":  {[]string{"ROLE/ns/"}, false, "patch-object R, patch-object r", ""},
		"an object":    {[]string{"role/ns/R"}, false, "patch-object R", ""},
		"what is kept": {[]string{"ValidatingWebhookConfiguration"}, false, "", "ValidatingWebhookConfiguration kept"},
		"a file":       {[]string{config.Path}, false, "write-file", ""},
	} {
		var out bytes.Buffer
		s := keptNode(config)
		a := &App{Out: &out, Err: &out, Faults: []*fault.Fault{slow}}
		d := compared(t, a, s, rules)
		was, err := d.base.Objects()
		if err != nil {
			t.Fatal(err)
		}
		d.objects, d.from = baseline.CompareObjects(was, parsed(t, fmt.Sprintf(rules, "admin", "list"))), 0
		s.Cluster = &snapshot.Cluster{ControlPlane: !tc.gone}
		if !tc.gone {
			s.Cluster.Webhooks = []snapshot.Webhook{{Kind: "Validating", Config: "kept", Keeper: "Kustomization flux-system/apps"}}
		}
		x := &restore{}
		plan, err := x.plan(d, 0, tc.names)
		var got []string
		for _, o := range plan {
			if kind := o.Kind(); kind != "unit" {
				got = append(got, strings.TrimSpace(kind+" "+strings.TrimPrefix(filepath.Base(fault.Changed(o)), ".")))
			}
		}
		if err != nil || strings.Join(got, ", ") != tc.want || tc.left == "" != (len(x.unavailable) == 0) || !strings.Contains(strings.Join(x.unavailable, "\n"), tc.left) {
			t.Errorf("%s: %q, left %q, %v", what, got, x.unavailable, err)
		}
	}
}

// TestMeans holds that case matters in paths and names, and not in kinds.
func TestMeans(t *testing.T) {
	paths := map[string]bool{"/etc/a /etc/a": true, "/etc/ /etc/a": true, "/ /etc/a": true, "/etc/a /etc/ab": false, "/etc/A /etc/a": false, "/etc/a /etc/a#1": true, "/etc/a /etc/a#b": false}
	for _, k := range slices.Sorted(maps.Keys(paths)) {
		n, path, _ := strings.Cut(k, " ")
		if meansPath(n, path) != paths[k] {
			t.Errorf("path %q: %v", k, !paths[k])
		}
	}
	for k, want := range map[string][2]bool{"role/ns/r Role/ns/r": {true, true}, "Role/ns Role/ns/r": {true, false}, "role Role/ns/r": {true, false}, "Role/ns/R Role/ns/r": {false, false}, "Roles/ns/r Role/ns/r": {false, false}, "Role/n Role/ns/r": {false, false}} {
		n, object, _ := strings.Cut(k, " ")
		if got := [2]bool{meansObject(n, object), exactly(n, object)}; got != want {
			t.Errorf("object %q: %v", k, got)
		}
	}
}
