package kubelet

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// Webhooks and policies of files are read from the folders that the admission
// configuration names, itself or in a plugin's own file.
func TestAdmission(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	const dir = "/srv/static/"
	put(t, e, map[string]string{
		dir + "api.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver}\nspec:\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n" +
			"    - --admission-control-config-file=/adm/config.yaml\n    image: a\n    volumeMounts:\n    - {mountPath: /adm, name: adm}\n  volumes:\n  - {hostPath: {path: /etc/adm}, name: adm}\n",
		"/etc/adm/config.yaml": "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: ValidatingAdmissionWebhook\n  configuration:\n" +
			"    kind: WebhookAdmissionConfiguration\n    staticManifestsDir: /adm/hooks\n- name: ValidatingAdmissionPolicy\n  path: policy.yaml\n- name: PodSecurity\n  configuration: {staticManifestsDir: /elsewhere}\n",
		"/etc/adm/policy.yaml":     "kind: ValidatingAdmissionPolicyConfiguration\nstaticManifestsDir: /adm/policies\n",
		"/etc/adm/hooks/a.yaml":    "kind: ValidatingWebhookConfiguration\n",
		"/etc/adm/hooks/notes.txt": "x",
		"/etc/adm/policies/b.json": "{}",
	})
	s := snapshot.Snapshot{Kubelet: &snapshot.Kubelet{StaticPodPath: strings.TrimSuffix(dir, "/")}}
	if err := collectStatic(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range s.Static.Admission {
		got = append(got, x.Path)
	}
	if strings.Join(got, " ") != "/etc/adm/hooks/a.yaml /etc/adm/policies/b.json" {
		t.Errorf("%q", got)
	}
}
