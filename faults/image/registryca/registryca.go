// Package registryca is the fault of a registry whose certificate the runtime
// does not take.
package registryca

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. A certificate that is out of its
// time may be the clock's, and is not judged here.
var Fault = &fault.Fault{
	ID:     "image/registryca",
	Layer:  fault.Runtime,
	Needs:  []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionCluster, snapshot.SectionNames},
	Uses:   []snapshot.Section{snapshot.SectionSystemd},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ImagesFailing, Strength: symptom.Always},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Usually},
		{Symptom: symptom.PodsUnready, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceNoEndpoints, Strength: symptom.Sometimes, Cluster: true},
	},
}

// reason says what the runtime has against the certificate, as Go's
// crypto/x509 does, or "".
func reason(said string) string {
	switch {
	case strings.Contains(said, "certificate signed by unknown authority"):
		return "no authority that it trusts signed it"
	case strings.Contains(said, "x509: certificate is valid for "), strings.Contains(said, "doesn't contain any IP SANs"), strings.Contains(said, "x509: certificate relies on legacy Common Name"):
		return "it is another host's"
	}
	return ""
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	at := map[string]int{}
	for _, w := range cri.Waits(s) {
		why := reason(w.Container.Message)
		if why == "" || elsewhere(s, w) {
			continue
		}
		said := finding.Fact{Source: w.Place(), Got: cri.Clip(w.Container.Image + ": " + w.Container.Message), Want: "a certificate that the runtime takes", At: w.Container.Since}
		if i, ok := at[w.Ref.Registry]; ok {
			out[i].Facts = append(out[i].Facts, said)
			continue
		}
		at[w.Ref.Registry] = len(out)
		own := configured(s.Runtime, w.Ref.Registry)
		f := finding.Finding{
			Subject: finding.Subject{Kind: "registry", Name: w.Ref.Registry},
			Summary: fmt.Sprintf("the runtime does not take the certificate of the registry %s: %s", w.Ref.Registry, why),
			Facts:   []finding.Fact{said},
			Commands: cri.Commands(s, "openssl s_client -connect "+address(w.Ref.Registry)+" -showcerts </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName",
				"ls /etc/containerd/certs.d/"+w.Ref.Registry+" /usr/local/share/ca-certificates", "crictl pull "+w.Container.Image),
		}
		for _, h := range own {
			f.Summary = fmt.Sprintf("the runtime does not take the certificate of the registry %s by what %s:%d has it trust: %s", w.Ref.Registry, h.Path, h.Line, why)
			f.Facts = append(f.Facts, finding.Fact{Source: h.Path, Line: h.Line, Got: "ca = " + strings.Join(h.CA, ", "), Want: "the authority that signed the registry's certificate"})
		}
		if l, ok := cri.Poisoned(s.Names, w.Ref.Registry); ok {
			f.Facts = append(f.Facts, finding.Fact{Source: "/etc/hosts", Line: l.Line, Got: l.Address + " " + strings.Join(l.Names, " ") + ": the certificate is that of whoever answers there", Want: "the address of the registry"})
		}
		if len(own) == 0 {
			f.Facts = append(f.Facts, finding.Fact{Source: "the runtime's registries", Got: "none names an authority for " + w.Ref.Registry + ": the node's own hold", Want: "the authority of a registry of one's own, in certs.d or among the node's"})
		}
		out = append(out, f)
	}
	return out
}

// elsewhere reports whether it was not the registry that was asked: a mirror,
// or an address of /etc/hosts that is none. Those have faults of their own.
func elsewhere(s *snapshot.Snapshot, w cri.Wait) bool {
	if l, ok := cri.Poisoned(s.Names, w.Ref.Registry); ok && (strings.Contains(w.Container.Message, l.Address) || cri.Nowhere(l.Address)) {
		return true
	}
	return slices.ContainsFunc(cri.Mirrors(s.Runtime, w.Ref.Registry), func(h snapshot.RegistryHost) bool {
		return strings.Contains(w.Container.Message, cri.Host(h))
	})
}

// configured are the places of the configuration that name an authority for
// the registry itself.
func configured(r *snapshot.Runtime, registry string) []snapshot.RegistryHost {
	if r.Settings == nil || r.Settings.Registry == nil {
		return nil
	}
	var out []snapshot.RegistryHost
	for _, h := range r.Settings.Registry.Hosts {
		if (h.Registry == registry || h.Registry == "_default" || h.Registry == "*") && len(h.CA) > 0 && (cri.Host(h) == "" || cri.Own(registry, cri.Host(h))) {
			out = append(out, h)
		}
	}
	return out
}

func address(registry string) string {
	if strings.Contains(registry, ":") {
		return registry
	}
	return registry + ":443"
}
