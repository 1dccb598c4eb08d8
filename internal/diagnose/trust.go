package diagnose

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/trust"
)

// shells are the commands that every other command is typed into.
var shells = []string{"bash", "sh", "dash", "zsh"}

// checks asks of each node whether its operator's tools are what they seem. A
// check that is suspect quotes what the faults quote: both are told by package
// trust.
func checks(snaps []*snapshot.Snapshot) []Check {
	var out []Check
	for _, s := range snaps {
		commands := slices.Concat(trust.Replaced(s), trust.Overridden(s))
		shell := func(d trust.Doubt) bool { return slices.Contains(shells, d.Subject.Name) }
		out = append(out,
			check(s, "commands", s.Trust != nil, slices.DeleteFunc(slices.Clone(commands), shell), writable(s)...),
			check(s, "shell", s.Shell != nil, slices.Concat(trust.LoginShells(s), only(commands, shell), trust.Hooked(s))),
			check(s, "loader", s.Loader != nil, slices.Concat(trust.Loaded(s), trust.AuthModules(s))),
			kubeconfig(s),
			check(s, "processes", s.View != nil && s.Processes != nil, slices.Concat(trust.Hidden(s), trust.Posed(s)), trust.HiddenModules(s)...),
			check(s, "traces", s.Shell != nil && s.Trail != nil, nil, trust.Erased(s)...))
	}
	return out
}

// check is judged by the first facts of its doubts. They are looked for at all
// only where the section is there.
func check(s *snapshot.Snapshot, name string, looked bool, doubts []trust.Doubt, more ...finding.Fact) Check {
	c := Check{Name: name, Node: s.Node, Status: Unseen}
	for _, d := range doubts {
		c.Facts = append(c.Facts, d.Facts[0])
	}
	c.Facts = append(c.Facts, more...)
	if !looked && len(c.Facts) == 0 {
		return c
	}
	return judged(c)
}

func only(list []trust.Doubt, want func(trust.Doubt) bool) []trust.Doubt {
	return slices.DeleteFunc(slices.Clone(list), func(d trust.Doubt) bool { return !want(d) })
}

// judged is a check with the status that its facts call for.
func judged(c Check) Check {
	c.Status = OK
	if len(c.Facts) > 0 {
		c.Status = Suspect
	}
	return c
}

// writable are the commands that anyone can change.
func writable(s *snapshot.Snapshot) []finding.Fact {
	var facts []finding.Fact
	if s.Trust == nil {
		return nil
	}
	for _, t := range s.Trust.Tools {
		if len(t.Hits) > 0 && t.Hits[0].Mode&0o002 != 0 {
			facts = append(facts, finding.Fact{Source: t.Hits[0].Path, Got: fmt.Sprintf("anyone can write it (mode %04o)", t.Hits[0].Mode&0o7777), Want: "mode 0755"})
		}
	}
	return facts
}

// kubeconfig checks that kubeconfigs of administrators do what they seem to.
// A program that gives credentials is told by its symptom, since a vendor's is
// none.
func kubeconfig(s *snapshot.Snapshot) Check {
	c := check(s, "kubeconfig", s.Kubeconfigs != nil, slices.Concat(trust.Kubeconfigs(s), trust.Preset(s)))
	if s.Kubeconfigs == nil {
		return c
	}
	for _, k := range s.Kubeconfigs.Files {
		doubt := func(line int, got, want string) {
			c.Facts = append(c.Facts, finding.Fact{Source: k.Path, Line: line, Got: got, Want: want})
		}
		for _, u := range k.Users {
			if u.Exec != nil {
				doubt(u.Exec.Line, fmt.Sprintf("user %q runs %s", u.Name, u.Exec.Command), "a credential")
			}
		}
		for _, x := range k.Clusters {
			if x.Insecure {
				doubt(x.Line, "the server's certificate is not checked", "a CA")
			}
		}
	}
	return judged(c)
}
