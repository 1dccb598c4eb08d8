package preset

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		option string
		want   bool
	}{
		{"dry-run=server", true}, {"dry-run=client", true}, {"dry-run=none", false}, {"dry-run=", false},
		{"server=https://x:1", true}, {"as=jane", true}, {"as-group=system:masters", true}, {"token=(secret)", true}, {"kubeconfig=/tmp/x", true},
		{"insecure-skip-tls-verify=true", true}, {"insecure-skip-tls-verify=1", true}, {"insecure-skip-tls-verify=false", false}, {"insecure-skip-tls-verify=0", false},
		{"context=here", false}, {"context=nowhere", true}, {"cluster=k", false}, {"user=nobody", true},
		{"namespace=there", false}, {"namespace=nowhere", true},
		{"interactive=true", false}, {"server-side=true", false}, {"output=wide", false}, {"grace-period=0", false}, {"show-labels=true", false},
	} {
		s := &snapshot.Snapshot{
			Cluster: &snapshot.Cluster{Namespaces: []snapshot.Namespace{{Name: "there"}}},
			Kubeconfigs: &snapshot.Kubeconfigs{
				Files: []snapshot.Kubeconfig{{Contexts: []snapshot.KubeconfigContext{{Name: "here"}}, Clusters: []snapshot.KubeconfigCluster{{Name: "k"}}}},
				Kubercs: []snapshot.Kuberc{{Text: snapshot.Text{Path: "/root/.kube/kuberc"}, Defaults: []snapshot.KubercDefault{{Command: "get", Options: []string{tt.option}, Line: 4}},
					AliasList: []snapshot.KubercAlias{{Name: "prod", Command: "get", Options: []string{"server=https://y:1"}}}}},
			},
		}
		if got := len(detect(s)) > 0; got != tt.want {
			t.Errorf("%s: found %v", tt.option, got)
		}
		if s.Cluster = nil; tt.option == "namespace=nowhere" && len(detect(s)) > 0 {
			t.Error("namespaces were not read, and one is said not to be there")
		}
	}
}

// What lies between and around the entries that mislead stays.
func TestRemedyKeepsTheRest(t *testing.T) {
	text := "apiVersion: kubectl.config.k8s.io/v1beta1\ndefaults:\n- command: apply\n  options:\n  - name: dry-run\n    default: server\n" +
		"- command: delete\n  options:\n  - name: interactive\n    default: \"true\"\n- command: get\n  options:\n  - name: as\n    default: x\naliases:\n- name: g\n  command: get\n"
	k := snapshot.Kuberc{Text: snapshot.Text{Path: "/k", Content: text, SHA256: "s"}}
	k.Defaults = []snapshot.KubercDefault{{Command: "apply", Line: 3, Options: []string{"dry-run=server"}}, {Command: "delete", Line: 7, Options: []string{"interactive=true"}}, {Command: "get", Line: 11, Options: []string{"as=x"}}}
	s := &snapshot.Snapshot{Kubeconfigs: &snapshot.Kubeconfigs{Kubercs: []snapshot.Kuberc{k}}}
	f := detect(s)
	if len(f) != 1 || len(f[0].Facts) != 2 {
		t.Fatalf("%+v", f)
	}
	plan, err := remedy(s, f[0])
	if err != nil {
		t.Fatal(err)
	}
	e := plan[0].(op.EditLine)
	if got := strings.Join(e.New, "\n"); got != "- command: delete\n  options:\n  - name: interactive\n    default: \"true\"" || e.Line != 3 || len(e.Old) != 12 {
		t.Errorf("line %d: %d lines become %q", e.Line, len(e.Old), got)
	}
	if _, err := remedy(s, finding.Finding{Subject: finding.Subject{Name: "/other"}}); err == nil {
		t.Error("a file that was not read is changed")
	}
}
