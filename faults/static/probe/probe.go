// Package probe is the fault of a probe that kills a component which is well.
package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/probe",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// long is after how much time in service no probe is accused.
const long = 15 * time.Minute

// A wrong is a field of a probe that asks where nobody answers, or gives no
// time to.
type wrong struct {
	probe snapshot.ManifestProbe
	field snapshot.Field
	why   string
	want  string // what belongs there
}

// pages are where a component says how it is, the one to be asked first. The
// controller manager has none but the old one.
func pages(component string) []string {
	switch component {
	case "kube-controller-manager":
		return []string{"/healthz"}
	case "etcd":
		return []string{"/livez", "/readyz", "/health"}
	}
	return []string{"/livez", "/readyz", "/healthz"}
}

// answered reports whether the path is one where the component says how it is.
// Below a page each of its checks has one; etcd's old page has none.
func answered(component, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	return slices.ContainsFunc(pages(component), func(x string) bool { return path == x || x != "/health" && strings.HasPrefix(path, x+"/") })
}

// anywhere reports whether a server at that host is reached at every address,
// as far as the kubelet calls it.
func anywhere(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "" || err == nil && a.IsUnspecified()
}

// wrongs are what is wrong with those probes of a component that kill it.
func wrongs(s *snapshot.Snapshot, p manifest.Part) []wrong {
	var out []wrong
	port, scheme, host := p.Served()
	noted, _ := manifest.Kubeadm(s, p.Name(), "secure-port") // where the API server is to serve
	for _, x := range p.Container.Probes {
		if x.Kind == "readiness" || x.How != "httpGet" {
			continue
		}
		at := "spec.containers[0]." + x.Kind + "Probe."
		tell := func(field, why, want string) {
			if f, ok := p.File.Get(at + field); ok {
				out = append(out, wrong{x, f, why, want})
			}
		}
		if port != "" && fmt.Sprint(x.Number) != port && fmt.Sprint(x.Number) != noted {
			tell("httpGet.port", "is not where it serves", port)
		}
		if scheme != "" && !strings.EqualFold(x.Scheme, scheme) && !(x.Scheme == "" && scheme == "HTTP") {
			tell("httpGet.scheme", "is not how it serves", scheme)
		}
		if !answered(p.Name(), x.Path) {
			tell("httpGet.path", "is no page of it", pages(p.Name())[0])
		}
		if !anywhere(host) && x.Host != "" && x.Host != host && x.Host != "localhost" {
			tell("httpGet.host", "is not the address that it serves at", host)
		}
		if budget := x.Delay + max(1, x.Failure)*max(1, x.Period); x.Kind == "startup" && x.Failure == 1 && budget < 15 {
			tell("failureThreshold", fmt.Sprintf("kills it %d s after its start", budget), "24")
		}
	}
	return out
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if r, ok := manifest.Running(s, p.Name()); ok && !r.Start.IsZero() && s.At.Sub(r.Start) >= long {
			continue
		}
		for _, w := range wrongs(s, p) {
			out = append(out, manifest.Found(s, p.File, subject(p, w), fmt.Sprintf("the %s probe of %s kills it: %s %s", w.probe.Kind, p.Name(), w.field.Value, w.why),
				p.Quote(w.field.Line, w.want)))
		}
	}
	return out
}

func subject(p manifest.Part, w wrong) finding.Subject {
	return finding.Subject{Kind: "field", Name: p.File.Path + " " + w.field.Path}
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		for _, w := range wrongs(s, p) {
			if subject(p, w) != x.Subject {
				continue
			}
			l := p.File.LineAt(w.field.Line)
			if strings.Count(l, w.field.Value) != 1 {
				return nil, fmt.Errorf("cannot change line %d of %s: it is more than one field", w.field.Line, p.File.Path)
			}
			return p.Change().Lines(w.field.Line, w.field.Line, strings.Replace(l, w.field.Value, w.want, 1)).Plan("where it answers")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill makes the startup probe ask where nobody answers, and gives it one
// try.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"}))
	at := "spec.containers[0].startupProbe."
	path, has := p.File.Get(at + "httpGet.path")
	tries, may := p.File.Get(at + "failureThreshold")
	port, may2 := p.File.Get(at + "httpGet.port")
	if !ok || !has || !may || !may2 {
		return nil, fmt.Errorf("cannot find a startup probe")
	}
	draft := p.Change().Lines(tries.Line, tries.Line, strings.Replace(p.File.LineAt(tries.Line), tries.Value, "1", 1))
	if d.Int(0, 1) == 0 {
		to := fault.Pick(d, []string{"/healthcheck", "/live", "/health/live", "/status", "/ping"})
		return draft.Lines(path.Line, path.Line, strings.Replace(p.File.LineAt(path.Line), path.Value, to, 1)).Plan("another probe")
	}
	to := fault.Pick(d, []string{"8080", "8443", "10248", "10255", "9090"})
	return draft.Lines(port.Line, port.Line, strings.Replace(p.File.LineAt(port.Line), port.Value, to, 1)).Plan("another probe")
}
