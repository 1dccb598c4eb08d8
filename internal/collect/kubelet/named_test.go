package kubelet

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// TestNamed: what flags name is followed through the mounts, and a manifest
// laid aside is found.
func TestNamed(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	const dir = "/srv/static/"
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver}\nspec:\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n" +
		"    - --tls-cert-file=/pki/a.crt\n    - --tls-private-key-file=/pki/gone.key\n    - --client-ca-file=/elsewhere/ca.crt\n    - --encryption-provider-config=/pki/enc.yaml\n" +
		"    image: registry.k8s.io/kube-apiserver:v1.37.2\n    volumeMounts:\n    - {mountPath: /pki, name: certs}\n    - {mountPath: /pki2, name: certs}\n" +
		"  volumes:\n  - {hostPath: {path: /etc/x, type: Directory}, name: certs}\n"
	put(t, e, map[string]string{
		dir + "api.yaml": pod, dir + ".kube-scheduler.yaml": strings.ReplaceAll(pod, "kube-apiserver", "kube-scheduler"), "/root/notes.yaml": "a: b\n",
		"/root/kube-apiserver.yaml.old": pod, "/etc/x/a.crt": "x",
		"/etc/x/enc.yaml": "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - aescbc:\n      keys:\n      - {name: k, secret: c2VjcmV0aXNzZWNyZXQxMjM0NTY3OA==}\n",
	})
	s := snapshot.Snapshot{Kubelet: &snapshot.Kubelet{StaticPodPath: strings.TrimSuffix(dir, "/")}}
	if err := collectStatic(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, n := range s.Static.Named {
		got[n.Flag] = n.Host + " " + n.Is
		if n.Text != nil && (strings.Contains(n.Text.Content, "c2VjcmV0") || len(n.Fields) == 0) {
			t.Errorf("%+v", n)
		}
	}
	want := map[string]string{"tls-cert-file": "/etc/x/a.crt file", "tls-private-key-file": "/etc/x/gone.key missing", "client-ca-file": " ", "encryption-provider-config": "/etc/x/enc.yaml file"}
	for flag, x := range want {
		if got[flag] != x {
			t.Errorf("--%s: %q, want %q", flag, got[flag], x)
		}
	}
	var beside []string
	for _, m := range s.Static.Beside {
		beside = append(beside, m.Path)
	}
	if strings.Join(beside, " ") != dir+".kube-scheduler.yaml /root/kube-apiserver.yaml.old" {
		t.Errorf("beside the folder: %v", beside)
	}
}
