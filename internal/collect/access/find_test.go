package access

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestFind(t *testing.T) {
	e := source.New(t.TempDir(), false)
	ca := issue(t, nil, "kubernetes")
	one := kubeconfig(ca, "    tokenFile: tok\n    as: root\n    as-groups: [system:masters]\n    as-user-extra: {scope: [a]}\n")
	write(t, e, "/root/.kube/config", one, 0o600)
	write(t, e, "/root/.kube/tok", "secret-token-value\n", 0o600)
	write(t, e, "/etc/kubernetes/admin.conf", strings.ReplaceAll(one, "10.0.0.1", "10.0.0.9"), 0o600)
	write(t, e, "/opt/deploy/prod.yaml", one, 0o644)
	write(t, e, "/etc/other.yaml", "kind: ConfigMap\nclusters: server", 0o644)
	write(t, e, "/etc/profile.d/k.sh", "# KUBECONFIG=/no\nexport KUBECONFIG=\"/root/.kube/config:/etc/kubernetes/admin.conf:/gone\"\n", 0o644)
	write(t, e, "/root/.bashrc", "  KUBECONFIG=$HOME/x\n", 0o644)
	for _, name := range []string{"/usr/local/bin/kubectl-ns", "/usr/local/bin/kubectl-create-foo", "/usr/bin/kubectl_complete-ns", "/root/.krew/bin/kubectl-ns"} {
		write(t, e, name, "#!/bin/sh\n", 0o755)
	}
	write(t, e, "/root/.krew/receipts/ns.yaml", "", 0o644)
	write(t, e, "/root/.kube/cache/discovery/10.0.0.1_6443/v1/serverresources.json", "{}", 0o644)
	var s snapshot.Snapshot
	if err := collectKubeconfigs(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	k := s.Kubeconfigs
	var files []string
	for _, f := range append(k.Files, k.Others...) {
		files = append(files, fmt.Sprintf("%s %v", f.Path, f.Found))
	}
	want := []string{"/etc/kubernetes/admin.conf [node /etc/profile.d/k.sh:2 content]", "/root/.kube/config [home /etc/profile.d/k.sh:2 content]", "/opt/deploy/prod.yaml [content]"}
	if !reflect.DeepEqual(files, want) {
		t.Errorf("files: got %q", files)
	}
	u := k.Files[1].Users[0]
	if u.TokenFile != "/root/.kube/tok" || len(u.TokenSHA256) != 64 || u.Impersonate != "root" || !reflect.DeepEqual(u.ImpersonateGroups, []string{"system:masters"}) || !reflect.DeepEqual(u.ImpersonateExtra, []string{"scope"}) {
		t.Errorf("user: got %+v", u)
	}
	if m := k.Merged; len(m) != 1 || m[0].In != "/root/.kube/config" || !reflect.DeepEqual(m[0].Missing, []string{"/gone"}) || len(m[0].Entries) != 3 || m[0].Entries[0].Hidden[0] != "/etc/kubernetes/admin.conf" {
		t.Errorf("merged: got %+v", m)
	}
	var plugins []string
	for _, p := range k.Plugins {
		plugins = append(plugins, fmt.Sprintf("%s|%s|%s|%v", p.Command, p.Kind, p.Behind, p.Krew))
	}
	want = []string{"kubectl create foo|create||false", "kubectl ns|plugin||false", "kubectl ns|completion||false", "kubectl ns|plugin|/usr/local/bin/kubectl-ns|true"}
	if !reflect.DeepEqual(plugins, want) || len(k.Krew) != 1 {
		t.Errorf("plugins: got %q, %v", plugins, k.Krew)
	}
	if len(k.Caches) != 1 || k.Caches[0].Files != 1 || k.Caches[0].Bytes != 2 || k.Caches[0].Hosts[0] != "10.0.0.1_6443" {
		t.Errorf("caches: got %+v", k.Caches)
	}
}

func TestOdd(t *testing.T) {
	f, _ := ParseKubeconfig(snapshot.Text{Path: "/x", Content: `apiVersion: v1
kind: Config
current-context: nowhere
clusters:
- name: a
  cluster: {server: "https://a", tls-server-name: b, disable-compression: true, certificate-authority: ca.crt, insecure: true, extensions: [{name: minikube}]}
- name: a
  cluster: {server: "https://b"}
contexts:
- name: c
  context: {cluster: z, user: u}
users:
- name: u
  user: {token: abcdefghijkl, username: me, password: hunter2hunter2}
`})
	var got []string
	for _, o := range f.Odd {
		got = append(got, fmt.Sprintf("%d %s", o.Line, o.What))
	}
	want := []string{`6 key "insecure" is not read`, `7 clusters has two entries "a": one of them is not used`, `3 the current context "nowhere" is in no list`,
		`10 context "c" names cluster "z", which is not there`, `13 user "u" has 2 kinds of credentials`}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
	c := f.Clusters[0]
	if c.ServerName != "b" || !c.DisableCompression || c.CAFile != "/ca.crt" || f.Users[0].Basic != "me" || f.Extensions[0] != "minikube" || f.Contexts[0].Line != 10 {
		t.Errorf("got %+v", f)
	}
	if strings.Contains(fmt.Sprint(f), "hunter2") {
		t.Error("a password is kept")
	}
}

func TestKubercLayouts(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\ncredentialPluginPolicy: Allowlist\naliases:\n- name: get\n  command: delete\n  prependArgs: [pods]\n  appendArgs: [--all]\n  options:\n  - name: dry-run\n    default: none\ndefaults:\n- command: apply\n  options:\n  - {name: server-side, default: \"true\"}\n",
			"kubectl.config.k8s.io/v1beta1 3 [{get 5 delete [pods] [--all] [dry-run=none]}] [{apply 13 [server-side=true]}]"},
		{"apiVersion: kubectl.config.k8s.io/v1alpha1\noverrides:\n- command: get\n  flags:\n  - name: namespace\n    default: kube-public\n",
			"kubectl.config.k8s.io/v1alpha1 0 [] [{get 3 [namespace=kube-public]}]"},
		{"", " 0 [] []"},
	} {
		k := ParseKuberc(snapshot.Text{Content: c.text})
		if got := fmt.Sprint(k.APIVersion, " ", k.PolicyLine, k.AliasList, k.Defaults); k.Error != "" || strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(c.want), " ") {
			t.Errorf("got %s %s, want %s", got, k.Error, c.want)
		}
	}
}

func TestPluginOf(t *testing.T) {
	for name, want := range map[string]string{
		"kubectl-foo_bar-baz": "kubectl foo-bar baz plugin", "kubectl-create-x": "kubectl create x create", "kubectl_complete-x": "kubectl x completion", "kubectl": "  ", "kubectl-": "  ",
	} {
		command, kind, _ := PluginOf(name)
		if got := command + " " + kind; strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestPEMFileThatLoops(t *testing.T) {
	e := source.New(t.TempDir(), false)
	dir := filepath.Join(e.Root, "/var/lib/kubelet/pki")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("kubelet-client-current.pem", filepath.Join(dir, "kubelet-client-current.pem")); err != nil {
		t.Fatal(err)
	}
	var s snapshot.Snapshot
	if err := collectPKI(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	if f := s.PKI.Files; len(f) != 1 || f[0].Link != "kubelet-client-current.pem" || !strings.Contains(f[0].Error, "symbolic links") {
		t.Errorf("got %+v", f)
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("export KUBECONFIG=/a:/b\nset -x KUBECONFIG /c"))
	f.Add([]byte("apiVersion: v1\noverrides: [{command: get, flags: [{name: a, default: b}]}]\naliases: [{name: a}]\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: b}}]\nusers: [{name: u, user: {as-user-extra: {a: [b]}, exec: {command: x}}}]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		ParseVariable(data)
		shaped(data)
		t := snapshot.Text{Path: "/x", Content: string(data)}
		ParseKuberc(t)
		k, _ := ParseKubeconfig(t)
		parseLogin("/x", data)
		merged([]variable{{"a", "/x:/y"}}, []snapshot.Kubeconfig{k})
	})
}
