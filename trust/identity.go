package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// current is the context that kubectl uses by itself, and its user and cluster.
func current(k snapshot.Kubeconfig) (c snapshot.KubeconfigContext, u snapshot.KubeconfigUser, x snapshot.KubeconfigCluster, ok bool) {
	at := slices.IndexFunc(k.Contexts, func(c snapshot.KubeconfigContext) bool { return c.Name == k.Current })
	if at < 0 {
		return c, u, x, false
	}
	c = k.Contexts[at]
	for _, y := range k.Users {
		if y.Name == c.User {
			u = y
		}
	}
	for _, y := range k.Clusters {
		if y.Name == c.Cluster {
			x = y
		}
	}
	return c, u, x, true
}

// FieldLine is the line of a key of an entry of a kubeconfig that begins on
// line from, or 0. The entry ends where another begins.
func FieldLine(k snapshot.Kubeconfig, from int, key string) int {
	lines := k.Lines()
	if from < 1 || from > len(lines) {
		return 0
	}
	for i := from - 1; i < len(lines); i++ {
		text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[i]), "- "))
		begins := strings.HasPrefix(strings.TrimSpace(lines[i]), "- ") && !strings.HasPrefix(lines[i], "    ")
		if i >= from && (begins || lines[i] != "" && lines[i][0] != ' ' && lines[i][0] != '-') {
			return 0
		}
		if strings.HasPrefix(text, key+":") {
			return i + 1
		}
	}
	return 0
}

// Kubeconfigs are all doubts about kubeconfigs of administrators.
func Kubeconfigs(s *snapshot.Snapshot) []Doubt {
	return slices.Concat(Astray(s), Proxied(s), Posing(s), Misnamed(s), Merged(s), Provided(s))
}

// Posing are the kubeconfigs of administrators whose requests are made in the
// name of somebody else. It reads section kubeconfigs.
func Posing(s *snapshot.Snapshot) []Doubt {
	var out []Doubt
	for _, k := range admins(s) {
		_, u, x, ok := current(k)
		who := u.Impersonate
		if who == "" && len(u.ImpersonateGroups) > 0 {
			who = "groups " + strings.Join(u.ImpersonateGroups, ", ")
		}
		if !ok || who == "" || !ours(k, x, Endpoints(s, k.Path)) {
			continue
		}
		at := FieldLine(k, u.Line, "as")
		if at == 0 {
			at = u.Line
		}
		facts := []finding.Fact{{Source: k.Path, Line: at, Got: fmt.Sprintf("user %q acts as %q", u.Name, who), Want: "no impersonation"}}
		if u.Cert != nil && u.Cert.CN != "" {
			facts = append(facts, finding.Fact{Source: k.Path, Line: u.Line, Got: fmt.Sprintf("its own certificate is for %s (%s)", u.Cert.CN, strings.Join(u.Cert.Orgs, ", "))})
		}
		out = append(out, Doubt{
			Subject:  finding.Subject{Kind: "file", Name: k.Path},
			Summary:  fmt.Sprintf("%s has every request of kubectl made as %q", k.Path, who),
			Facts:    facts,
			Commands: []string{"grep -n ' as' " + k.Path, "kubectl --kubeconfig " + k.Path + " auth whoami"},
		})
	}
	return out
}

// Proxied are the kubeconfigs of administrators that go to the node's own
// cluster by way of a proxy. It reads section kubeconfigs.
func Proxied(s *snapshot.Snapshot) []Doubt {
	var out []Doubt
	for _, k := range admins(s) {
		_, _, x, ok := current(k)
		all := Endpoints(s, k.Path)
		if !ok || x.Proxy == "" || !ours(k, x, all) || len(all) == 0 || slices.ContainsFunc(s.Kubeconfigs.Files, func(o snapshot.Kubeconfig) bool {
			c, ok := currentCluster(o)
			return ok && o.Path != k.Path && !Admin(o.Path) && c.Proxy == x.Proxy // the components go that way too
		}) {
			continue
		}
		at := FieldLine(k, x.Line, "proxy-url")
		if at == 0 {
			at = x.Line
		}
		out = append(out, Doubt{
			Subject: finding.Subject{Kind: "file", Name: k.Path},
			Summary: fmt.Sprintf("%s has kubectl reach this cluster through the proxy %s", k.Path, x.Proxy),
			Facts: []finding.Fact{
				{Source: k.Path, Line: at, Got: "proxy-url: " + x.Proxy, Want: "no proxy to the node's own cluster"},
				{Source: all[0].Source, Line: all[0].Line, Got: "reaches " + all[0].Server + " without one"},
			},
			Commands: []string{"grep -n proxy-url " + k.Path, "kubectl --kubeconfig " + all[0].Source + " get --raw /readyz"},
		})
	}
	return out
}

// Misnamed are the kubeconfigs of administrators whose current context leads
// nowhere, or is not what its name says. It reads section kubeconfigs.
func Misnamed(s *snapshot.Snapshot) []Doubt {
	var out []Doubt
	for _, k := range admins(s) {
		at, why, want := misnamed(k)
		if why == "" {
			continue
		}
		out = append(out, Doubt{
			Subject:  finding.Subject{Kind: "file", Name: k.Path},
			Summary:  fmt.Sprintf("in %s %s", k.Path, why),
			Facts:    []finding.Fact{{Source: k.Path, Line: at, Got: strings.TrimSpace(k.LineAt(at) + " "), Want: want}},
			Commands: []string{"kubectl config view --kubeconfig " + k.Path, "kubectl config get-contexts --kubeconfig " + k.Path},
		})
		if f := &out[len(out)-1].Facts[0]; f.Got == "" {
			f.Got = why
		}
	}
	return out
}

// misnamed says what is wrong with the current context, where, and what it
// should be.
func misnamed(k snapshot.Kubeconfig) (at int, why, want string) {
	kubeadm := strings.HasPrefix(k.Path, "/etc/kubernetes/")
	c, u, x, ok := current(k)
	if !ok {
		_, at = k.Find("current-context:")
		switch {
		case len(k.Contexts) != 1 || !kubeadm && k.Current == "":
			return 0, "", "" // a person may have unset it
		case k.Current == "":
			return at, "no context is current, so that kubectl asks localhost:8080", "current-context: " + k.Contexts[0].Name
		}
		return at, fmt.Sprintf("the current context %q is in no list", k.Current), "current-context: " + k.Contexts[0].Name
	}
	for _, v := range k.Users {
		for _, y := range k.Clusters {
			if c.Name != v.Name+"@"+y.Name {
				continue
			}
			if c.Cluster != y.Name {
				return FieldLine(k, c.Line, "cluster"), fmt.Sprintf("the context %q uses the cluster %q", c.Name, c.Cluster), "cluster: " + y.Name
			}
			if c.User != v.Name {
				return FieldLine(k, c.Line, "user"), fmt.Sprintf("the context %q uses the user %q", c.Name, c.User), "user: " + v.Name
			}
		}
	}
	switch {
	case x.Name == "" && len(k.Clusters) == 1:
		return FieldLine(k, c.Line, "cluster"), fmt.Sprintf("the current context names the cluster %q, which is not there", c.Cluster), "cluster: " + k.Clusters[0].Name
	case u.Name == "" && len(k.Users) == 1:
		return FieldLine(k, c.Line, "user"), fmt.Sprintf("the current context names the user %q, which is not there", c.User), "user: " + k.Users[0].Name
	}
	return 0, "", ""
}
