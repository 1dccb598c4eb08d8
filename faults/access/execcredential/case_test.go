package execcredential

import (
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// node is a control-plane node whose file at path has the plugin x.
func node(path string, x snapshot.ExecPlugin, ca string) *snapshot.Snapshot {
	return &snapshot.Snapshot{
		Node: "cp1",
		PKI: &snapshot.PKI{
			Certificates: []snapshot.Certificate{{Path: caCert, SHA256: "ca", SPKI: "key"}},
			Keys:         []snapshot.Key{{Path: caKey, SPKI: "key"}},
		},
		Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{
			{
				Text: snapshot.Text{Path: path, SHA256: "sum"}, Current: "c",
				Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://a:6443", CA: ca}},
				Contexts: []snapshot.KubeconfigContext{{Name: "c", Cluster: "k", User: "u"}},
				Users:    []snapshot.KubeconfigUser{{Name: "u", Exec: &x}},
			},
			{
				Text:     snapshot.Text{Path: "/etc/kubernetes/super-admin.conf"},
				Clusters: []snapshot.KubeconfigCluster{{Name: "k", Server: "https://b:6443", CA: "ca"}},
			},
		}},
		Cluster: &snapshot.Cluster{},
	}
}

func bin(path string, change func(*snapshot.Binary)) *snapshot.Binary {
	b := &snapshot.Binary{Path: path, SHA256: "prog", Mode: 0o755, ELF: true}
	if change != nil {
		change(b)
	}
	return b
}

func script(b *snapshot.Binary) { b.ELF, b.Script = false, "/bin/bash" }

const (
	root = "/root/.kube/config"
	kube = "/etc/kubernetes/admin.conf"
)

func TestAccused(t *testing.T) {
	held := []snapshot.Identity{{User: "x", Kind: "certificate", Source: "/x"}}
	python := func(b *snapshot.Binary) { b.ELF, b.Script = false, "/usr/bin/python3" }
	entry := &snapshot.Text{Path: "/usr/local/bin/aws", Content: "import sys\nfrom awscli.clidriver import main\nsys.exit(main())\n"}
	for _, c := range []struct {
		name, path, ca string
		exec           snapshot.ExecPlugin
		want           bool
	}{
		{"script of nobody", root, "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script)}, true},
		{"script of nobody in kubeadm's file", kube, "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script)}, true},
		{"compiled, in kubeadm's file", kube, "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", nil)}, true},
		{"compiled vendor's program", root, "ca", snapshot.ExecPlugin{Command: "kubelogin", Binary: bin("/usr/local/bin/kubelogin", nil)}, false},
		{"krew plugin", root, "ca", snapshot.ExecPlugin{Command: "kubectl", Binary: bin("/root/.krew/bin/kubectl-oidc_login", nil)}, false},
		{"compiled in /tmp", root, "ca", snapshot.ExecPlugin{Command: "/tmp/x", Binary: bin("/tmp/x", nil)}, true},
		{"compiled, hidden", root, "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/lib/.x/y", nil)}, true},
		{"packaged script", root, "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/bin/x", func(b *snapshot.Binary) { script(b); b.Package = "p"; b.PackageSum = "same" })}, false},
		{"packaged script, changed", root, "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/bin/x", func(b *snapshot.Binary) { script(b); b.Package = "p"; b.PackageSum = "differs" })}, true},
		{"Python entry point", root, "ca", snapshot.ExecPlugin{Command: "aws", Binary: bin("/usr/local/bin/aws", python), Body: entry}, false},
		{"Python that is more", root, "ca", snapshot.ExecPlugin{Command: "aws", Binary: bin("/usr/local/bin/aws", python), Body: &snapshot.Text{Content: "print('{}')"}}, true},
		{"shell given a script", root, "ca", snapshot.ExecPlugin{Command: "bash", Args: []string{"/opt/x"}, Binary: bin("/usr/bin/bash", func(b *snapshot.Binary) { b.Package = "bash" })}, true},
		{"interpreter by version", root, "ca", snapshot.ExecPlugin{Command: "/usr/bin/python3.11", Binary: bin("/usr/bin/python3.11", func(b *snapshot.Binary) { b.Package = "python3.11" })}, true},
		{"packaged, with credentials of its own", root, "ca", snapshot.ExecPlugin{Command: "kubectl", Binary: bin("/usr/bin/kubectl", func(b *snapshot.Binary) { b.Package = "kubectl" }), Identities: held}, true},
		{"not there", root, "ca", snapshot.ExecPlugin{Command: "x", Binary: &snapshot.Binary{Path: "x", Error: "not found"}}, true},
		{"another cluster's", root, "other", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script)}, false},
		{"component's file", "/etc/kubernetes/kubelet.conf", "ca", snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := detect(node(c.path, c.exec, c.ca))
			if (len(got) == 1) != c.want {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestUnusedUserIsLeftAlone(t *testing.T) {
	s := node(root, snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script)}, "ca")
	s.Kubeconfigs.Files[0].Contexts[0].User = "another"
	if got := detect(s); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

func plan(t *testing.T, s *snapshot.Snapshot) (list []string, ops op.Plan) {
	t.Helper()
	ops, err := remedy(s, finding.Finding{Subject: finding.Subject{Kind: "file", Name: s.Kubeconfigs.Files[0].Path}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range ops {
		list = append(list, o.String())
	}
	return list, ops
}

func TestRights(t *testing.T) {
	s := node(root, snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script), Identities: []snapshot.Identity{
		{User: "night", Groups: []string{"shift", "kubeadm:cluster-admins", "system:authenticated"}, Kind: "certificate"},
		{User: "system:serviceaccount:ops:hand", Kind: "service-account token"},
		{User: "system:serviceaccount:ops:used", Kind: "service-account token"},
	}}, "ca")
	s.Cluster.Pods = []snapshot.Pod{{Namespace: "ops", Name: "p", ServiceAccount: "used"}}
	s.Cluster.Bindings = []snapshot.Binding{
		{Name: "alone", Role: "ClusterRole/cluster-admin", Subjects: []string{"User:night"}},
		{Name: "shared", Role: "ClusterRole/edit", Subjects: []string{"Group:shift", "User:kept", "ServiceAccount:ops/other"}},
		{Name: "in-ops", Namespace: "ops", Role: "Role/x", Subjects: []string{"ServiceAccount:ops/hand"}},
		{Name: "kubeadm:cluster-admins", Role: "ClusterRole/cluster-admin", Subjects: []string{"Group:kubeadm:cluster-admins"}},
		{Name: "system:basic-user", Role: "ClusterRole/system:basic-user", Bootstrap: true, Subjects: []string{"Group:system:authenticated"}},
		{Name: "workload", Role: "ClusterRole/view", Subjects: []string{"ServiceAccount:ops/used"}},
	}
	list, ops := plan(t, s)
	text := strings.Join(list, "\n")
	for _, want := range []string{
		"delete /apis/rbac.authorization.k8s.io/v1/clusterrolebindings/alone",
		"take Group:shift out of ClusterRoleBinding/shared",
		"delete /apis/rbac.authorization.k8s.io/v1/namespaces/ops/rolebindings/in-ops",
		"remove /usr/local/bin/x",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	for _, not := range []string{"/clusterrolebindings/kubeadm", "basic-user", "/workload"} {
		if strings.Contains(text, not) {
			t.Errorf("%q has no place in\n%s", not, text)
		}
	}
	at := slices.IndexFunc(ops, func(o op.Op) bool { return o.Kind() == "patch-object" })
	if got, want := string(ops[at].(op.PatchObject).Patch), `{"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"kept"},{"kind":"ServiceAccount","name":"other","namespace":"ops"}]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRebuild(t *testing.T) {
	x := snapshot.ExecPlugin{Command: "x", Binary: bin("/usr/local/bin/x", script)}
	issued := func(s *snapshot.Snapshot) op.IssueKubeconfig {
		_, ops := plan(t, s)
		return ops[slices.IndexFunc(ops, func(o op.Op) bool { return o.Kind() == "issue-kubeconfig" })].(op.IssueKubeconfig)
	}
	s := node(root, x, "ca")
	if got := issued(s); got.Server != "https://b:6443" || got.Replace != "" || got.User != "kubernetes-admin" || got.Groups[0] != "kubeadm:cluster-admins" {
		t.Errorf("a server that nobody vouches for is not kept: got %+v", got)
	}
	s.Kubeconfigs.Files[1].Clusters[0].Server = "https://a:6443"
	s.Kubeconfigs.Files[0].Contexts = append(s.Kubeconfigs.Files[0].Contexts, snapshot.KubeconfigContext{Name: "far", Cluster: "far", User: "far"})
	s.Cluster.Bindings = []snapshot.Binding{{Name: "cluster-admin", Bootstrap: true, Subjects: []string{"Group:system:masters"}}}
	if got := issued(s); got.Server != "https://a:6443" || got.Replace != "u" || got.Groups[0] != "system:masters" {
		t.Errorf("got %+v", got)
	}
	s.PKI.Keys[0].SPKI = "other"
	if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Name: root}}); err == nil || !strings.Contains(err.Error(), "key of the cluster's CA is not on this node") {
		t.Errorf("got %v", err)
	}
	s.PKI.Keys[0].SPKI = "key"
	s.Cluster, s.Kubeconfigs.Files[0].Users[0].Exec.Identities = nil, []snapshot.Identity{{User: "night"}}
	if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Name: root}}); err == nil || !strings.Contains(err.Error(), "bindings could not be read") {
		t.Errorf("got %v", err)
	}
}

func TestPolicy(t *testing.T) {
	const head = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n"
	for _, c := range []struct {
		old     string
		allowed []string
		want    string
	}{
		{"", nil, head + "credentialPluginPolicy: DenyAll\n"},
		{"", []string{"kubelogin"}, head + "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: \"kubelogin\"\n"},
		{head + "credentialPluginPolicy: AllowAll\naliases:\n- name: x", nil, head + "aliases:\n- name: x\ncredentialPluginPolicy: DenyAll\n"},
	} {
		if got := policy(c.old, c.allowed); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
