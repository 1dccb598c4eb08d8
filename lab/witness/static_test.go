package witness

import (
	"context"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/kubelet"
)

// testStatic compares the manifests with the folder and with the mirror pods
// that the API server shows, and the flag tables with the components' help.
func testStatic(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Static
	if x == nil {
		t.Fatal("not collected")
	}
	want, err := n.Lines(ctx, "find "+x.Dir+" -mindepth 1 -maxdepth 1 ! -name '.*' ! -type d -printf '%f\n'")
	if err != nil {
		t.Fatal(err)
	}
	var files, pods []string
	for _, m := range x.Manifests {
		files = append(files, path.Base(m.Path))
		if m.Error != "" || len(m.Problems) > 0 || m.Documents != 1 {
			t.Errorf("%s: %s %+v, %d documents", m.Path, m.Error, m.Problems, m.Documents)
		}
		for _, c := range m.Containers {
			pods = append(pods, fmt.Sprintf("%s-%s/%s %s", m.Name, n.Snapshot.Node, c.Name, c.Image))
			for _, f := range c.Flags {
				if f.Problem != "" || f.Type == "" || c.FlagTable == nil || !c.FlagTable.Exact {
					t.Errorf("%s: --%s=%s: %s (%+v)", m.Path, f.Name, f.Value, f.Problem, c.FlagTable)
				}
			}
		}
		for _, v := range m.Volumes {
			if v.Is != "directory" && v.Is != "file" {
				t.Errorf("%s: %s is %q", m.Path, v.Path, v.Is)
			}
		}
	}
	same(t, "manifests", files, want)
	control := n
	control.Node = n.Control
	mirrors, err := mirrorPods(ctx, control, n.Snapshot.Node)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "static pods", pods, mirrors)
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy"} {
		helpOf(ctx, t, n, name)
	}
	strict(ctx, t, control)
}

// mirrorPods are the containers of a node's pods that came from files.
func mirrorPods(ctx context.Context, control Node, node string) ([]string, error) {
	var list struct {
		Items []struct {
			Metadata struct {
				Name        string
				Annotations map[string]string
			}
			Spec struct {
				Containers []struct{ Name, Image string }
			}
		}
	}
	err := control.JSON(ctx, admin+"get pods -A -o json --field-selector spec.nodeName="+node, &list)
	var out []string
	for _, p := range list.Items {
		if p.Metadata.Annotations["kubernetes.io/config.source"] == "file" {
			for _, c := range p.Spec.Containers {
				out = append(out, p.Metadata.Name+"/"+c.Name+" "+c.Image)
			}
		}
	}
	return out, err
}

// broken are pods with what a strict reader refuses, and a part of what it says.
var broken = []struct{ spec, kind, path, says string }{
	{`"hostnetwork":true`, "unknown-field", "spec.hostnetwork", `unknown field \"spec.hostnetwork\"`},
	{`"hostNetwork":true,"hostNetwork":false`, "duplicate-key", "spec.hostNetwork", `duplicate field \"spec.hostNetwork\"`},
	{`"hostNetwork":"true"`, "wrong-type", "spec.hostNetwork", "cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork"},
	{`"priority":"high"`, "wrong-type", "spec.priority", "cannot unmarshal string into Go struct field PodSpec.spec.priority"},
	{`"dnsPolicy":5`, "wrong-type", "spec.dnsPolicy", "cannot unmarshal number into Go struct field PodSpec.spec.dnsPolicy"},
	{`"volumes":{"name":"a"}`, "wrong-type", "spec.volumes", "cannot unmarshal object into Go struct field PodSpec.spec.volumes"},
}

// strict compares what is told of broken pods with what the API server's
// strict validation says of them, in a dry run that makes nothing.
func strict(ctx context.Context, t *testing.T, n Node) {
	for _, b := range broken {
		text := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"witness"},"spec":{"containers":[{"name":"c","image":"x"}],` + b.spec + `}}`
		m := kubelet.ParseManifest([]byte(text), n.Snapshot.Kubelet.Version)
		if len(m.Problems) != 1 || m.Problems[0].Kind != b.kind || m.Problems[0].Path != b.path {
			t.Errorf("%s: %+v", b.spec, m.Problems)
		}
		said, err := n.Lines(ctx, "echo '"+text+"' | "+admin+"create --raw '/api/v1/namespaces/default/pods?dryRun=All&fieldValidation=Strict' -v=8 -f - 2>&1 || true")
		if all := strings.Join(said, "\n"); err != nil || !strings.Contains(all, b.says) && !strings.Contains(all, strings.ReplaceAll(b.says, `\`, "")) {
			t.Errorf("%s: the API server says %.1000s %v", b.spec, all, err)
		}
	}
}
