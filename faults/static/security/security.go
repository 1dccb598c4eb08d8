// Package security is the fault of a component's pod that is not allowed what it
// needs: a user that cannot read its keys, or memory too little to start.
package security

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/security",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionPKI},
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// least is the memory in MiB below which a component does not get through its
// start, of an empty cluster: far below what it uses in service.
var least = map[string]int64{"kube-apiserver": 180, "kube-controller-manager": 40, "kube-scheduler": 30, "etcd": 30}

// A wrong is a field that keeps the component from running.
type wrong struct {
	field snapshot.Field
	why   string
	want  string
}

func wrongs(s *snapshot.Snapshot, p manifest.Part) []wrong {
	var out []wrong
	user, asRoot := "", true
	for _, f := range p.File.Below("spec") {
		mine := strings.HasPrefix(f.Path, "spec.securityContext.") || strings.HasPrefix(f.Path, "spec.containers[")
		switch {
		case mine && strings.HasSuffix(f.Path, "securityContext.runAsUser"):
			user, asRoot = f.Value, f.Value == "0"
			if !asRoot && rootless(s, p, f.Value) {
				out = append(out, wrong{f, "cannot read " + secret(p), "no runAsUser: the files belong to root"})
			}
		case mine && strings.HasSuffix(f.Path, "securityContext.runAsNonRoot") && f.Value == "true":
			out = append(out, wrong{f, "refuses root, as which the image runs", "no runAsNonRoot"})
		case mine && strings.HasSuffix(f.Path, "resources.limits.memory"):
			if n, err := component.Quantity(f.Value); err == nil && n.Cmp(new(big.Rat).SetInt64(least[p.Name()]<<20)) < 0 {
				out = append(out, wrong{f, fmt.Sprintf("is less memory than %s needs to start", p.Name()), fmt.Sprintf("no limit, or %d Mi and more", least[p.Name()])})
			}
		}
	}
	if user != "" && !asRoot { // a user is given: that is not root
		for i := range out {
			if strings.HasSuffix(out[i].field.Path, "runAsNonRoot") {
				return append(out[:i], out[i+1:]...)
			}
		}
	}
	return out
}

// rootless reports whether every key and kubeconfig of the component, as the
// node has them, is closed to the user. Where some are its own, the pod is meant
// to run as that user.
func rootless(s *snapshot.Snapshot, p manifest.Part, user string) bool {
	uid, err := strconv.ParseInt(user, 10, 64)
	_, gid, _ := manifest.User(p.File)
	return s.PKI != nil && err == nil && certs.Foreign(s, p.File.Path, uid, gid)
}

// secret is a file that root alone may read.
func secret(p manifest.Part) string {
	for _, f := range p.Container.Flags {
		if strings.HasPrefix(f.Value, "/") && (strings.HasSuffix(f.Value, ".key") || strings.HasSuffix(f.Value, ".conf")) {
			return f.Value
		}
	}
	return "its files"
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if manifest.Stays(s, p.File, p.Name()) {
			continue
		}
		for _, w := range wrongs(s, p) {
			name := w.field.Path[strings.LastIndex(w.field.Path, ".")+1:]
			out = append(out, manifest.Found(s, p.File, subject(p, w), fmt.Sprintf("%s is kept from running by %s %s of its pod, which %s", p.Name(), name, w.field.Value, w.why),
				p.Quote(w.field.Line, w.want)))
		}
	}
	return out
}

func subject(p manifest.Part, w wrong) finding.Subject {
	return finding.Subject{Kind: "field", Name: p.File.Path + " " + w.field.Path}
}

// remedy takes the line away: kubeadm writes none of them.
func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		for _, w := range wrongs(s, p) {
			if subject(p, w) != x.Subject {
				continue
			}
			name := w.field.Path[strings.LastIndex(w.field.Path, ".")+1:]
			if !strings.HasPrefix(strings.TrimSpace(p.File.LineAt(w.field.Line)), name+":") {
				return nil, fmt.Errorf("cannot change line %d of %s: it is more than one field", w.field.Line, p.File.Path)
			}
			return p.Change().Lines(w.field.Line, w.field.Line).Plan("as kubeadm has it")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill has a component run as nobody, or with next to no memory.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "etcd"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	draft := p.Change()
	if d.Int(0, 1) == 0 {
		value := fmt.Sprintf("    runAsUser: %s", fault.Pick(d, []string{"65534", "65532", "1000", "1001"}))
		if l, n := p.File.Find("  securityContext:"); n > 0 && strings.TrimRight(l, " ") == "  securityContext:" {
			return draft.Lines(n+1, n, value).Plan("not as root")
		}
		_, n := p.File.Find("spec:")
		return draft.Lines(n+1, n, "  securityContext:", value).Plan("not as root")
	}
	limit := []string{"      limits:", fmt.Sprintf("        memory: %dMi", d.Int(10, 24))}
	if l, n := p.File.Find("    resources:"); n > 0 && strings.TrimRight(l, " ") == "    resources:" {
		return draft.Lines(n+1, n, limit...).Plan("a small limit")
	}
	_, n := p.File.Find("    name: " + p.Name())
	if n == 0 {
		return nil, fmt.Errorf("cannot find the container in %s", p.File.Path)
	}
	return draft.Lines(n+1, n, append([]string{"    resources:"}, limit...)...).Plan("a small limit")
}
