package trust

import (
	"fmt"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// KnownProvider reports whether kubectl still has that auth-provider: all but
// OpenID Connect went with v1.26 (k8s.io/client-go/plugin/pkg/client/auth).
func KnownProvider(name string) bool { return name == "oidc" }

// Provided are the kubeconfigs of administrators whose user has an
// auth-provider that kubectl does not have: it ends with that, whatever else
// the user has. It reads section kubeconfigs.
func Provided(s *snapshot.Snapshot) []Doubt {
	var out []Doubt
	for _, k := range admins(s) {
		_, u, _, ok := current(k)
		if !ok || u.AuthProvider == "" || KnownProvider(u.AuthProvider) {
			continue
		}
		at := FieldLine(k, u.Line, "auth-provider")
		if at == 0 {
			at = u.Line
		}
		facts := []finding.Fact{{Source: k.Path, Line: at, Got: fmt.Sprintf("user %q has the auth-provider %s", u.Name, u.AuthProvider), Want: "a client certificate, and no auth-provider"}}
		if u.Cert != nil && u.Cert.CN != "" {
			facts = append(facts, finding.Fact{Source: k.Path, Line: u.Line, Got: fmt.Sprintf("its own certificate is for %s", u.Cert.CN)})
		}
		out = append(out, Doubt{
			Subject:  finding.Subject{Kind: "file", Name: k.Path},
			Summary:  fmt.Sprintf("%s has kubectl ask the auth-provider %s, which it does not have: it ends at once", k.Path, u.AuthProvider),
			Facts:    facts,
			Commands: []string{"grep -n -A3 auth-provider " + k.Path, "kubectl --kubeconfig " + k.Path + " get --raw /readyz"},
		})
	}
	return out
}
