package diagnose

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// shells are the commands that every other command is typed into.
var shells = []string{"bash", "sh", "dash", "zsh"}

// trust asks of each node whether its operator's tools are what they seem.
func trust(snaps []*snapshot.Snapshot) []Check {
	var out []Check
	for _, s := range snaps {
		out = append(out, tools(s, "commands", func(name string) bool { return !slices.Contains(shells, name) }),
			tools(s, "shell", func(name string) bool { return slices.Contains(shells, name) }),
			loader(s), kubeconfig(s))
	}
	return out
}

// judged is a check with the status that its facts call for.
func judged(c Check) Check {
	c.Status = OK
	if len(c.Facts) > 0 {
		c.Status = Suspect
	}
	return c
}

// tools checks the commands that want picks.
func tools(s *snapshot.Snapshot, name string, want func(string) bool) Check {
	c := Check{Name: name, Node: s.Node, Status: Unseen}
	if s.Trust == nil {
		return c
	}
	for _, t := range s.Trust.Tools {
		if want(t.Name) && len(t.Hits) > 0 {
			c.Facts = append(c.Facts, doubts(t)...)
		}
	}
	return judged(c)
}

// doubts are what is odd about a command that PATH offers.
func doubts(t snapshot.Tool) []finding.Fact {
	var out []finding.Fact
	b := t.Hits[0]
	doubt := func(got, want string) {
		out = append(out, finding.Fact{Source: b.Path, Got: got, Want: want})
	}
	if b.PackageSum == "differs" {
		doubt("is not the file that package "+b.Package+" installed", "the package's file")
	}
	if !b.ELF && b.Script != "" && b.PackageSum != "same" {
		doubt("is a script run by "+b.Script, "a program")
	}
	if b.Mode&0o002 != 0 {
		doubt(fmt.Sprintf("anyone can write it (mode %04o)", b.Mode&0o7777), "mode 0755")
	}
	if b.Size > 0 && !b.Executable() {
		doubt("has no run bit", "mode 0755")
	}
	for _, other := range t.Hits[1:] {
		if b.SHA256 != "" && other.SHA256 != "" && b.SHA256 != other.SHA256 && b.Package != other.Package {
			doubt("comes before "+other.Path+", which is another file", "one "+t.Name+" on PATH")
			break
		}
	}
	return out
}

// loader checks that nothing is loaded into every program.
func loader(s *snapshot.Snapshot) Check {
	c := Check{Name: "loader", Node: s.Node, Status: Unseen}
	if s.Trust == nil {
		return c
	}
	if p := s.Trust.Preload; p != nil {
		for i, line := range p.Lines() {
			if line != "" {
				c.Facts = append(c.Facts, finding.Fact{Source: p.Path, Line: i + 1, Got: line, Want: "no preloaded library"})
			}
		}
	}
	return judged(c)
}

// kubeconfig checks that client configurations do what they seem to.
func kubeconfig(s *snapshot.Snapshot) Check {
	c := Check{Name: "kubeconfig", Node: s.Node, Status: Unseen}
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
			if u.Impersonate != "" {
				doubt(u.Line, fmt.Sprintf("user %q acts as %q", u.Name, u.Impersonate), "no impersonation")
			}
		}
		for _, x := range k.Clusters {
			if x.Insecure {
				doubt(x.Line, "the server's certificate is not checked", "a CA")
			}
			if x.Proxy != "" {
				doubt(x.Line, "requests go through "+x.Proxy, "no proxy")
			}
		}
	}
	return judged(c)
}
