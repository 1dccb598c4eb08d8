package symptom

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// Symptoms of the operator's access.
const (
	AdminLockedOut   ID = "admin-locked-out"       // an admin kubeconfig gives no working identity
	AdminRunsProgram ID = "kubectl-runs-a-program" // an admin kubeconfig runs a program at each use
)

func access() []Symptom {
	return append(trusts(), []Symptom{{
		ID: AdminRunsProgram, Title: "an admin kubeconfig runs a program at each use", Stored: true,
		LeadsTo: []Edge{here(AdminLockedOut, Sometimes)},
		Observe: adminRunsProgram,
	}, {
		ID: AdminLockedOut, Title: "an admin kubeconfig gives no working identity", Stored: true,
		Observe: adminLockedOut,
	}}...)
}

// reachable are the users of a kubeconfig that one of its contexts names, or
// all of them when it has no context.
func reachable(k snapshot.Kubeconfig) []snapshot.KubeconfigUser {
	if len(k.Contexts) == 0 {
		return k.Users
	}
	named := map[string]bool{}
	for _, c := range k.Contexts {
		named[c.User] = true
	}
	var out []snapshot.KubeconfigUser
	for _, u := range k.Users {
		if named[u.Name] {
			out = append(out, u)
		}
	}
	return out
}

func adminRunsProgram(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Kubeconfigs == nil {
		return NotLooked, nil
	}
	var facts []finding.Fact
	for _, k := range s.Kubeconfigs.Files {
		for _, u := range reachable(k) {
			if u.Exec != nil {
				facts = append(facts, finding.Fact{Source: k.Path, Line: u.Exec.Line,
					Got: fmt.Sprintf("user %q runs %s", u.Name, u.Exec.Command), Want: "a client certificate"})
			}
		}
	}
	return verdict(facts)
}

// adminLockedOut looks at the current context of each kubeconfig. What a
// program would answer is not known, since it is never run.
func adminLockedOut(s *snapshot.Snapshot) (State, []finding.Fact) {
	if s.Kubeconfigs == nil || len(s.Kubeconfigs.Files) == 0 {
		return NotLooked, nil
	}
	var facts []finding.Fact
	looked := false
	for _, k := range s.Kubeconfigs.Files {
		if !isAdmin(k.Path) {
			continue
		}
		why, line, known := lockedOut(k, s.At)
		looked = looked || known
		if why != "" {
			facts = append(facts, finding.Fact{Source: k.Path, Line: line, Got: why, Want: "a credential that is accepted"})
		}
	}
	if !looked {
		return NotLooked, nil
	}
	return verdict(facts)
}

// isAdmin reports whether a person uses the file as an administrator: the
// components have kubeconfigs of their own beside it.
func isAdmin(path string) bool {
	return strings.HasSuffix(path, "/admin.conf") || strings.HasSuffix(path, "/super-admin.conf") || strings.HasSuffix(path, "/.kube/config")
}

// lockedOut says why the current context gives no identity; known is false
// when that cannot be told.
func lockedOut(k snapshot.Kubeconfig, at time.Time) (why string, line int, known bool) {
	if k.Error != "" {
		return "it does not parse: " + k.Error, 0, true
	}
	u, ok := currentUser(k)
	if !ok {
		return "", 0, false
	}
	switch {
	case u.AuthProvider != "" && !trust.KnownProvider(u.AuthProvider):
		return "kubectl has no auth-provider " + u.AuthProvider, u.Line, true
	case u.Exec != nil:
		if b := u.Exec.Binary; b != nil && b.Error != "" {
			return fmt.Sprintf("the program %s cannot be run: %s", u.Exec.Command, b.Error), u.Exec.Line, true
		}
		return "", 0, false
	case u.Cert != nil && u.Cert.Error != "":
		return "the client certificate is damaged: " + u.Cert.Error, u.Line, true
	case u.Cert != nil && !u.Cert.NotAfter.IsZero() && at.After(u.Cert.NotAfter):
		return "the client certificate expired at " + u.Cert.NotAfter.UTC().Format(time.RFC3339), u.Line, true
	case u.Cert == nil && u.Token == "" && u.AuthProvider == "":
		return fmt.Sprintf("user %q has no credential", u.Name), u.Line, true
	}
	return "", 0, true
}

func currentUser(k snapshot.Kubeconfig) (snapshot.KubeconfigUser, bool) {
	for _, c := range k.Contexts {
		if c.Name != k.Current {
			continue
		}
		for _, u := range k.Users {
			if u.Name == c.User {
				return u, true
			}
		}
	}
	return snapshot.KubeconfigUser{}, false
}
