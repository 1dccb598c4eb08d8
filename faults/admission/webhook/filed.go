package webhook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/object"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// filed finds webhooks that the API server takes from a file, that have to
// agree and, as it says, do not answer. The API shows nothing of them.
func filed(s *snapshot.Snapshot) []finding.Finding {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Finding
	for _, o := range s.Logs.Seen(failed, s.At, recent) {
		name, text := o.Params["webhook"], o.Params["error"]
		t, line, ok := object.FromFile(s, name)
		shown := slices.ContainsFunc(s.Cluster.Webhooks, func(w snapshot.Webhook) bool { return w.Name == name })
		told := slices.ContainsFunc(out, func(f finding.Finding) bool { return f.Subject.Name == t.Path })
		if !ok || shown || told || text == "" || o.Params["mode"] == "open" {
			continue
		}
		out = append(out, finding.Finding{
			Subject: finding.Subject{Kind: "file", Name: t.Path},
			Summary: fmt.Sprintf("webhook %s, which the API server takes from %s, has to agree and cannot: the API server says %s", name, t.Path, text),
			Facts: []finding.Fact{{Source: t.Path, Line: line, Got: strings.TrimSpace(t.LineAt(line)) + ", which no request to the API shows", Want: "a webhook that answers"},
				{Source: o.Source, Got: text, At: o.Last, Want: "an answer"}},
			Commands: []string{"cat " + t.Path, "grep -n admission-control-config-file /etc/kubernetes/manifests/kube-apiserver.yaml"},
		})
	}
	return out
}

// pass lets requests pass that the file's webhook does not answer, where one
// line says that they may not. The API server reads the file anew by itself.
func pass(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	if s.Static != nil {
		for _, t := range s.Static.Admission {
			if t.Path != f.Subject.Name {
				continue
			}
			at := 0
			for i, l := range t.Lines() {
				if strings.Contains(l, "failurePolicy") {
					if at > 0 || strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(l), "- ")) != "failurePolicy: Fail" {
						return nil, fmt.Errorf("cannot change %s: it says failurePolicy in several places, or in another form; set it to Ignore for the webhook that does not answer", t.Path)
					}
					at = i + 1
				}
			}
			if at == 0 {
				break
			}
			o, err := fault.EditLines(t, at, at, []string{strings.Replace(t.LineAt(at), "Fail", "Ignore", 1)}, "let requests pass that the webhook does not answer")
			return op.Plan{o}, err
		}
	}
	return nil, fmt.Errorf("cannot change %s: it does not say failurePolicy; add failurePolicy: Ignore to the webhook", f.Subject.Name)
}
