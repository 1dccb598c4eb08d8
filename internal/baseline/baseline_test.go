package baseline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/snapshot"
)

func file(path, content string) snapshot.Text {
	sum := sha256.Sum256([]byte(content))
	return snapshot.Text{Path: path, Content: content, SHA256: hex.EncodeToString(sum[:]), Mode: 0o644, Size: int64(len(content))}
}

// node has every section that is kept, with these files among them.
func node(files ...snapshot.Text) *snapshot.Snapshot {
	return &snapshot.Snapshot{Node: "cp1", Static: &snapshot.Static{}, Kubelet: &snapshot.Kubelet{Files: files}, Runtime: &snapshot.Runtime{}, CNI: &snapshot.CNI{ConfDir: "/etc/cni/net.d"},
		Systemd: &snapshot.Systemd{}, PKI: &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/etc/kubernetes/pki/ca.crt", Subject: "CN=a\nb", SHA256: "aa", Index: 1}},
			Keys: []snapshot.Key{{Path: "/etc/kubernetes/pki/ca.key", SPKI: "kk"}}}}
}

func record(t *testing.T, dir string, files map[string][]byte) *Base {
	t.Helper()
	if err := git.Init(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := git.Record(dir, files, git.Person{Name: "op"}, time.Unix(1e9, 0), "good"); err != nil {
		t.Fatal(err)
	}
	b, err := Read(git.Disk{}, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// nowhere is a file known to be gone.
func nowhere(string) bool { return false }

// drifts are the differences in short.
func drifts(t *testing.T, b *Base, s *snapshot.Snapshot, absent func(string) bool) string {
	t.Helper()
	got, err := b.Compare(s, absent)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range got.Drifts {
		out = append(out, fmt.Sprintf("%s %s %s", d.Kind, d.Name, d.State))
	}
	return strings.Join(append(out, got.Unread...), "; ")
}

func TestCompare(t *testing.T) {
	secret := file("/etc/kubernetes/encryption.yaml", "key: abc\n")
	secret.Content = "key: (kept out)\n"
	link := snapshot.Text{Path: "/etc/cni/net.d/10.conf", Link: "/opt/x y"}
	a := file("/var/lib/kubelet/config.yaml", "a\nb\n")
	good := node(a, secret, link, file("/run/volatile", "x"), file("/var/log/x", "x"))
	files, err := Node(good)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if strings.Contains(string(data), "abc") || strings.Contains(name, "volatile") || strings.Contains(name, "/log/") {
			t.Errorf("%s is kept: %q", name, data)
		}
	}
	b := record(t, filepath.Join(t.TempDir(), "b"), files)
	if !slices.Equal(b.Nodes(), []string{"cp1"}) {
		t.Errorf("nodes %v", b.Nodes())
	}
	mode, other, moved := a, secret, link
	mode.Mode, other.SHA256, moved.Link = 0o600, strings.Repeat("0", 64), "/elsewhere"
	renewed := node(a, secret, link)
	renewed.PKI.Certificates[0].SHA256 = "bb"
	lost := node(a, secret, link)
	lost.PKI.Keys = nil
	unread := node(secret)
	unread.Gaps = []snapshot.Gap{{Section: snapshot.SectionCNI, Source: "/etc/cni", Reason: "no"}, {Section: snapshot.SectionKubelet, Source: "/var/lib/kubelet", Reason: "no"}}
	blind := node(a, secret, link)
	blind.PKI.Keys, blind.Gaps = nil, []snapshot.Gap{{Section: snapshot.SectionPKI, Source: "/x", Reason: "no"}}
	untold := node(a, secret, link)
	untold.PKI = nil
	for what, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want string
	}{
		"as it was":             {node(a, secret, link), ""},
		"other content":         {node(file(a.Path, "a\nc\n"), secret, link), "file /var/lib/kubelet/config.yaml changed"},
		"other mode":            {node(mode, secret, link), "file /var/lib/kubelet/config.yaml changed"},
		"another secret":        {node(a, other, link), "file /etc/kubernetes/encryption.yaml changed"},
		"a link that was moved": {node(a, secret, moved), "file /etc/cni/net.d/10.conf changed"},
		"not read, not gone":    {node(secret, link), "/var/lib/kubelet/config.yaml"},
		"added":                 {node(a, secret, link, file("/etc/new", "")), "file /etc/new added"},
		"unread, not gone":      {unread, "/etc/cni/net.d/10.conf; /var/lib/kubelet/config.yaml"},
		"renewed":               {renewed, "certificate /etc/kubernetes/pki/ca.crt#1 changed"},
		"a key that is gone":    {lost, "key /etc/kubernetes/pki/ca.key gone"},
		"a key that is unread":  {blind, "/etc/kubernetes/pki/ca.key"},
		"no certificate read":   {untold, "/etc/kubernetes/pki/ca.crt#1; /etc/kubernetes/pki/ca.key"},
	} {
		if got := drifts(t, b, tc.s, nowhere); got != tc.want {
			t.Errorf("%s: got %q, want %q", what, got, tc.want)
		}
	}
	if got := drifts(t, b, node(secret, link), func(name string) bool { return name == a.Path }); got != "file /var/lib/kubelet/config.yaml gone" {
		t.Errorf("gone, as the node says: got %q", got)
	}
	newer := node(a, secret, link, file("/etc/new", ""))
	newer.Tool = "v2"
	if got := drifts(t, b, newer, nowhere); got != "" {
		t.Errorf("an old file that another version reads: got %q", got)
	}
	newer.Kubelet.Files[3].Modified = b.Version.At.Add(time.Hour)
	if got := drifts(t, b, newer, nowhere); got != "file /etc/new added" {
		t.Errorf("a new file that another version reads: got %q", got)
	}
}

// TestBeside holds that files that are nobody's, and what units are told of
// passwords, stay out.
func TestBeside(t *testing.T) {
	s := node()
	s.Static.Beside = []snapshot.Manifest{{Text: file("/root/pod.yaml", "x")}}
	s.CNI.Others = []snapshot.Text{file("/etc/cni/net.d/calico-kubeconfig", "x")}
	s.Systemd.Units = []snapshot.Unit{{Name: "x.service", Sourced: []snapshot.Text{file("/etc/default/x", "# a note\nSMTP_PASS=hunter2\n")}}}
	files, err := Node(s)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(files["nodes/cp1/files/etc/default/x"]); got != "SMTP_PASS=(kept out)\n" {
		t.Errorf("the environment is kept as %q", got)
	}
	for name := range files {
		if strings.Contains(name, "pod.yaml") || strings.Contains(name, "calico") {
			t.Errorf("%s is kept", name)
		}
	}
}

// TestLike holds that a node is compared with the files of another.
func TestLike(t *testing.T) {
	a := file("/var/lib/kubelet/config.yaml", "a\n")
	files, err := Node(node(a))
	if err != nil {
		t.Fatal(err)
	}
	b := record(t, filepath.Join(t.TempDir(), "b"), files)
	s := node(file(a.Path, "b\n"))
	s.Node, s.PKI.Certificates[0].SHA256 = "cp2", "its own"
	got, err := b.CompareLike(s, "cp1", nowhere)
	if err != nil || len(got.Drifts) != 1 || got.Drifts[0].Was.Content != "a\n" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := b.CompareLike(s, "cp3", nowhere); got != nil || err != nil {
		t.Errorf("like a node that is not kept: %+v, %v", got, err)
	}
}

func TestNodeRefuses(t *testing.T) {
	for what, change := range map[string]func(*snapshot.Snapshot){
		"a section was not read": func(s *snapshot.Snapshot) { s.Static = nil },
		"a name that is a path":  func(s *snapshot.Snapshot) { s.Node = "a/../b" },
		"a name of dots":         func(s *snapshot.Snapshot) { s.Node = ".." },
		"no name":                func(s *snapshot.Snapshot) { s.Node = "" },
	} {
		s := node()
		change(s)
		if _, err := Node(s); err == nil {
			t.Errorf("%s: captured", what)
		}
	}
}

// TestKeep holds that a capture of one node leaves the others.
func TestKeep(t *testing.T) {
	b := record(t, filepath.Join(t.TempDir(), "b"), map[string][]byte{"nodes/a/index": nil, "nodes/ab/index": nil, "cluster/x/y.yaml": nil})
	for _, tc := range []struct {
		nodes   []string
		cluster bool
		want    string
	}{
		{nil, false, "cluster/x/y.yaml nodes/a/index nodes/ab/index"}, {[]string{"a"}, false, "cluster/x/y.yaml nodes/ab/index"},
		{[]string{"a", "ab"}, true, ""},
	} {
		got, err := b.Keep(tc.nodes, tc.cluster)
		if names := strings.Join(slices.Sorted(maps.Keys(got)), " "); err != nil || names != tc.want {
			t.Errorf("%v, %v: %q, %v", tc.nodes, tc.cluster, names, err)
		}
	}
}

const objects = `{"kind":"List","items":[
 {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"agg","uid":"1","resourceVersion":"5"},"aggregationRule":{},"rules":[{"verbs":["get"]}]},
 {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r:x","namespace":"ns","generation":3,
   "managedFields":[{"manager":"b","time":"2026-01-02T00:00:00Z"},{"manager":"a","time":"2026-01-01T00:00:00Z"}]},"rules":[{"verbs":["get","list"]}]},
 {"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration","metadata":{"name":"w"},
   "webhooks":[{"name":"a.b.c","timeoutSeconds":10,"failurePolicy":"Fail","clientConfig":{"url":"https://x"},"rules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}]}]}
]}`

func read(t *testing.T, text string) []Object {
	t.Helper()
	list, left, err := Objects([]byte(text))
	if err != nil || len(left) > 0 {
		t.Fatal(err, left)
	}
	return list
}

func TestObjects(t *testing.T) {
	list := read(t, objects)
	var paths []string
	for _, o := range list {
		paths = append(paths, o.Path())
	}
	want := []string{"/apis/rbac.authorization.k8s.io/v1/clusterroles/agg", "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/roles/r:x",
		"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/w"}
	if !slices.Equal(paths, want) {
		t.Errorf("paths %v", paths)
	}
	if list[1].By != "b" || list[1].At.Day() != 2 {
		t.Errorf("the last manager is %s at %s", list[1].By, list[1].At)
	}
	if _, rules := list[0].Body["rules"]; rules {
		t.Error("what a controller fills in is kept")
	}
	if got := CompareObjects(list, read(t, objects)); len(got) > 0 {
		t.Errorf("the same objects differ: %+v", got)
	}
	text, err := list[1].YAML()
	if err != nil || strings.Contains(string(text), "managedFields") || strings.Contains(string(text), "generation") {
		t.Errorf("YAML %s, %v", text, err)
	}
}

// TestRoundTrip holds that objects that were kept are as they were read.
func TestRoundTrip(t *testing.T) {
	files := map[string][]byte{"nodes/cp1/index": nil}
	list := read(t, objects)
	for _, o := range list {
		text, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		files[o.Place] = text
	}
	b := record(t, filepath.Join(t.TempDir(), "b"), files)
	kept, err := b.Objects()
	if err != nil {
		t.Fatal(err)
	}
	if got := CompareObjects(kept, list); len(kept) != 3 || len(got) > 0 {
		t.Errorf("kept %d, they differ: %+v", len(kept), got)
	}
	s := node()
	s.Cluster = &snapshot.Cluster{ControlPlane: true, Webhooks: []snapshot.Webhook{
		{Kind: "Validating", Config: "w", Name: "a.b.c", TimeoutS: 10, Failure: "Fail", URL: "https://x", Rules: []string{"CREATE v1/pods"}},
	}, Admission: []snapshot.AdmissionPolicy{{Kind: "ValidatingAdmissionPolicy", Name: "new"}}}
	_, _, was, _ := shape(kept[2])
	var hooks []snapshot.Webhook
	if err := json.Unmarshal([]byte(was), &hooks); err != nil || len(hooks) != 1 {
		t.Fatalf("the shape is %s, %v", was, err)
	}
	s.Cluster.Webhooks = hooks
	s.Cluster.Webhooks[0].Created, s.Cluster.Webhooks[0].Managers = time.Unix(5, 0), []snapshot.Manager{{Name: "x", At: time.Unix(7, 0)}}
	const added = "; policy ValidatingAdmissionPolicy/new added"
	if got := drifts(t, b, s, nowhere); !strings.HasSuffix(got, strings.TrimPrefix(added, "; ")) || strings.Contains(got, "webhook") {
		t.Errorf("got %q", got)
	}
	s.Cluster.Webhooks[0].Failure = "Ignore"
	if got := drifts(t, b, s, nowhere); !strings.Contains(got, "webhook ValidatingWebhookConfiguration/w changed") {
		t.Errorf("got %q", got)
	}
	s.Cluster.ControlPlane = false
	if got := drifts(t, b, s, nowhere); strings.Contains(got, "webhook") || strings.Contains(got, "policy") {
		t.Errorf("a worker says %q", got)
	}
}

// TestRenewed holds that the authorities of webhooks are those of now: another
// alone is no difference, and none is put back.
func TestRenewed(t *testing.T) {
	hook := func(ca, resource string) string {
		return `{"apiVersion":"a/v1","kind":"W","metadata":{"name":"w"},"webhooks":[{"name":"h","clientConfig":{"caBundle":"` + ca + `"},"r":"` + resource + `"}]}`
	}
	if d := CompareObjects(read(t, hook("old", "pods")), read(t, hook("new", "pods"))); len(d) > 0 {
		t.Errorf("another authority alone: %+v", d)
	}
	d := CompareObjects(read(t, hook("old", "pods")), read(t, hook("new", "nodes")))
	if len(d) != 1 {
		t.Fatalf("%+v", d)
	}
	got, err := d[0].Patch()
	if want := `{"webhooks":[{"clientConfig":{"caBundle":"new"},"name":"h","r":"pods"}]}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

func TestPatch(t *testing.T) {
	was := read(t, `{"apiVersion":"v1","kind":"X","metadata":{"name":"n","labels":{"a":"1"}},"list":[1,2],"deep":{"x":{"y":1}}}`)
	is := read(t, `{"apiVersion":"v1","kind":"X","metadata":{"name":"n","labels":{"a":"2","b":"3"}},"list":[1],"deep":{"x":{"y":1},"z":0},"more":true}`)
	d := CompareObjects(was, is)
	if len(d) != 1 {
		t.Fatalf("%+v", d)
	}
	got, err := d[0].Patch()
	if want := `{"deep":{"z":null},"list":[1,2],"metadata":{"labels":{"a":"1","b":null}},"more":null}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
}

// TestObjectsLeft holds that an object that cannot be kept keeps no other from
// being read, and that addresses are those of the API server.
func TestObjectsLeft(t *testing.T) {
	const role = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"namespace":"ns","name":%q,"annotations":{"a":"%s"}},"n":[1,1.5,18446744073709551615]}`
	list, left, err := Objects([]byte(`{"items":[` + fmt.Sprintf(role, "b?c#d e:f", `\u007f \ufeff`) + `,` + fmt.Sprintf(role, "a\nb", "") + `,{},3,` + fmt.Sprintf(role, "a", "") + `]}`))
	if err != nil || len(list) != 2 || len(left) != 3 || !strings.Contains(left[0], `"a\nb"`) {
		t.Fatalf("%+v, left %q, %v", list, left, err)
	}
	if got, want := list[1].Path(), "/apis/rbac.authorization.k8s.io/v1/namespaces/ns/roles/b%3Fc%23d%20e:f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, err := json.Marshal(list[0].Body["n"]); err != nil || string(got) != "[1,1.5,18446744073709551615]" {
		t.Errorf("numbers are read as %s, %v", got, err)
	}
	files := map[string][]byte{"nodes/cp1/index": nil}
	for _, o := range list {
		if files[o.Place], err = o.YAML(); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := record(t, filepath.Join(t.TempDir(), "b"), files).Objects()
	if got := CompareObjects([]Object{kept[1], kept[0]}, list); err != nil || len(got) > 0 {
		t.Errorf("in another order they differ: %+v, %v", got, err)
	}
	files["cluster/role.rbac.authorization.k8s.io/ns/x.yaml"] = files[list[0].Place]
	if got, err := record(t, filepath.Join(t.TempDir(), "b"), files).Objects(); err == nil {
		t.Errorf("the text of another object is read as %+v", got)
	}
}

func TestFixed(t *testing.T) {
	const binding = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"x"},"roleRef":{"name":%q},"subjects":[{"name":%q}]}`
	was := read(t, fmt.Sprintf(binding, "view", "a"))
	for role, want := range map[string]bool{"view": false, "cluster-admin": true} {
		d := CompareObjects(was, read(t, fmt.Sprintf(binding, role, "b")))
		if len(d) != 1 || d[0].Fixed() != want {
			t.Errorf("%s: %+v", role, d)
		}
	}
}

func TestKept(t *testing.T) {
	for name, want := range map[string]bool{"/etc/a": true, "etc/a": false, "/etc/../run/a": false, "/etc//a": false, "/etc/a/": false, "/run/a": false, "/etc/a\tb": false, "/": true} {
		if kept(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestNone(t *testing.T) {
	if _, err := Read(git.Disk{}, filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, git.ErrNone) {
		t.Errorf("got %v", err)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("0644\t0:0\tabc\t/etc/x\n"))
	f.Add([]byte("0777\t0:0\t-\t/etc/x\t\"/y\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseIndex(data)
		if err != nil {
			return
		}
		for _, x := range got {
			if again, err := parseIndex([]byte(line(x))); err != nil || again[x.Path].Mode != x.Mode || again[x.Path].Link != x.Link {
				t.Fatalf("%q is read back as %+v, %v", line(x), again, err)
			}
		}
		_, _ = parsePrints(data)
		_, _, _ = Objects(data)
	})
}
