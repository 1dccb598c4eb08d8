// Package configinvalid is the fault of a configuration file of the API server that it does not
// take.
package configinvalid

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "apiserver/configinvalid",
	Layer:    fault.APIServer,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionEtcd},
	Detect:   manifest.DetectFlags(check),
	Explains: manifest.Explains,
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// check looks at the files that hold configuration and that flags name.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	p, ok := manifest.Find(s, "kube-apiserver")
	if !ok {
		return nil
	}
	var out []manifest.Wrong
	for _, n := range p.Inputs(s) {
		why, fact := wrong(n)
		if why == "" {
			continue
		}
		w := manifest.Wrong{Part: p, Flag: n.Flag, Why: why, Want: "a file that the API server takes", Drop: true}
		w.Facts = append(w.Facts, fact)
		if n.Flag == "encryption-provider-config" && !plain(s) {
			w.Err = fmt.Sprintf("cannot do without %s: what is in etcd may be encrypted by it; bring the file back from another control plane", n.Path)
		}
		w.Lost = lost[n.Flag]
		if n.Flag == "authorization-config" || n.Flag == "authentication-config" {
			w.Err = fmt.Sprintf("cannot do without %s: it says who may do what", n.Path)
		}
		out = append(out, w)
	}
	return out
}

// lost is what the API server does without until the file is corrected.
var lost = map[string]string{
	"audit-policy-file":             "RISK: nothing is audited until the file is corrected and the flag is back",
	"admission-control-config-file": "RISK: nothing that the file says of admission, such as of pod security, is enforced until it is corrected and the flag is back",
	"egress-selector-config-file":   "the API server reaches nodes without its proxy until the file is corrected and the flag is back",
}

// plain reports whether it is known that nothing in etcd is encrypted.
func plain(s *snapshot.Snapshot) bool {
	return s.Etcd != nil && s.Etcd.Store != nil && len(s.Etcd.Store.Encrypted) == 0
}

// kinds are what a file has to be of.
var kinds = map[string]string{
	"admission-control-config-file": "AdmissionConfiguration", "audit-policy-file": "Policy", "encryption-provider-config": "EncryptionConfiguration",
	"egress-selector-config-file": "EgressSelectorConfiguration", "tracing-config-file": "TracingConfiguration",
	"authorization-config": "AuthorizationConfiguration", "authentication-config": "AuthenticationConfiguration",
}

// wrong says why the API server does not take a file, or "".
func wrong(n snapshot.NamedFile) (string, finding.Fact) {
	want, ok := kinds[n.Flag]
	if !ok || n.Text == nil {
		return "", finding.Fact{}
	}
	if n.Error != "" {
		return fmt.Sprintf("%s does not parse: %s", n.Path, n.Error), finding.Fact{Source: n.Host, Got: n.Error, Want: "YAML"}
	}
	kind, group, line := "", "", 1
	for _, f := range n.Fields {
		switch f.Path {
		case "kind":
			kind, line = f.Value, f.Line
		case "apiVersion":
			group = f.Value
		}
	}
	if kind != want || !strings.Contains(group, ".k8s.io/") {
		return fmt.Sprintf("%s is no %s but %q of %q", n.Path, want, kind, group),
			finding.Fact{Source: n.Host, Line: line, Got: strings.TrimSpace(n.Text.LineAt(line)), Want: "kind: " + want}
	}
	for _, p := range n.Problems {
		return fmt.Sprintf("in %s, %s %s", n.Path, p.Path, p.Detail), finding.Fact{Source: n.Host, Line: p.Line, Got: strings.TrimSpace(n.Text.LineAt(p.Line)), Want: p.Nearest}
	}
	return "", finding.Fact{}
}

// drill gives the API server a file of configuration that it does not take.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	if _, shown := p.File.OnNode(0, "/etc/kubernetes/pki/x"); !ok || !shown {
		return nil, fmt.Errorf("cannot show the API server a file")
	}
	c := fault.Pick(d, []struct{ flag, text string }{
		{"admission-control-config-file", "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfigurations\nplugins: []\n"},
		{"admission-control-config-file", "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: PodSecurity\n  configuration: {\n"},
		{"audit-policy-file", "apiVersion: audit.k8s.io/v1\nkind: AuditPolicy\nrules:\n- level: Metadata\n"},
		{"audit-policy-file", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n omitStages: [RequestReceived]\n"},
	})
	path := "/etc/kubernetes/pki/" + d.Name() + ".yaml"
	plan, err := p.Change().Add(p, "--"+c.flag+"="+path).Plan("a policy")
	return append(op.Plan{op.WriteFile{Path: path, Data: []byte(c.text), Mode: 0o600, Why: "a policy"}}, plan...), err
}
