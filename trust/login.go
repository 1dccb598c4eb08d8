package trust

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// LoginShells are accounts with uid 0 whose shell is not one: a script, a file
// that was changed, or none. It reads section users. A shell that lets nobody
// in on purpose is none of these.
func LoginShells(s *snapshot.Snapshot) []Doubt {
	if s.Users == nil {
		return nil
	}
	var out []Doubt
	for _, u := range s.Users.List {
		b := u.Login
		if u.UID != 0 || b == nil {
			continue
		}
		why := ""
		switch base := path.Base(u.Shell); {
		case base == "sync" || base == "shutdown" || base == "halt":
		case b.PackageSum == "differs":
			why = "its bytes are not those of package " + b.Package
		case b.Error != "" && b.Size == 0:
			why = "it cannot be run: " + b.Error
		case hidden(b.Path):
			why = "it lies where no program belongs"
		case b.Package == "" && !b.ELF && b.Script != "":
			why = "it is a script run by " + b.Script
		case b.Size > 0 && !b.Executable():
			why = fmt.Sprintf("it has no run bit (mode %04o)", b.Mode&0o7777)
		}
		if why == "" {
			continue
		}
		out = append(out, Doubt{
			Subject: finding.Subject{Kind: "user", Name: u.Name}, Binary: *b,
			Summary:  fmt.Sprintf("the login shell of %s, %s, is no sound shell: %s", u.Name, u.Shell, why),
			Facts:    []finding.Fact{{Source: "/etc/passwd", Line: u.Line, Got: u.Shell + ": " + why, Want: "a shell of a package, such as /bin/bash"}},
			Commands: []string{"getent passwd " + u.Name, "ls -la " + u.Shell, "head -c 300 " + u.Shell},
		})
	}
	return out
}

// AuthModules are the modules of PAM and of the name service that no package
// owns, and rules by which whoever asks is let in. It reads section access, and
// programs: without a package database nothing is known of owners.
func AuthModules(s *snapshot.Snapshot) []Doubt {
	if s.Access == nil || s.Programs == nil || s.Programs.Packages == "" {
		return nil
	}
	var out []Doubt
	add := func(name, summary string, f finding.Fact) {
		x := finding.Subject{Kind: "library", Name: name}
		if i := slices.IndexFunc(out, func(d Doubt) bool { return d.Subject == x }); i >= 0 {
			out[i].Facts = append(out[i].Facts, f)
			return
		}
		out = append(out, Doubt{Subject: x, Summary: summary, Facts: []finding.Fact{f}, Commands: []string{fmt.Sprintf("sed -n %dp %s", max(1, f.Line), f.Source), "dpkg -S " + name}})
	}
	for _, r := range s.Access.PAM {
		f := finding.Fact{Source: r.Source, Line: r.Line, Got: strings.Join(strings.Fields(strings.Join([]string{r.Type, r.Control, r.Module, r.Args}, " ")), " "), Want: "a module of a package"}
		switch {
		case r.Path != "" && r.Package == "":
			add(r.Path, fmt.Sprintf("%s has %s loaded at each login, which no package owns", r.Source, r.Path), f)
		case r.Sum == "differs":
			add(r.Path, fmt.Sprintf("the module %s is not the one that package %s installed", r.Path, r.Package), f)
		case !r.Own && strings.HasPrefix(r.Type, "auth") && r.Control == "sufficient" && path.Base(r.Module) == "pam_permit.so":
			f.Want = "no rule that lets everybody in"
			add(r.Source, fmt.Sprintf("%s:%d lets everybody in without a password", r.Source, r.Line), f)
		}
	}
	for _, m := range s.Access.NSS {
		if m.Path == "" || m.Package != "" && m.Sum != "differs" {
			continue
		}
		add(m.Path, fmt.Sprintf("names of %s are looked up with %s, which no package owns", m.Database, m.Path),
			finding.Fact{Source: "/etc/nsswitch.conf", Line: m.Line, Got: m.Database + ": " + m.Name, Want: "a service of a package"})
	}
	return out
}

// Erased are signs that traces of what was done were wiped: histories that
// lead nowhere or cannot be written, login records with holes. Alone they
// break nothing.
func Erased(s *snapshot.Snapshot) []finding.Fact {
	var facts []finding.Fact
	if s.Shell != nil {
		for _, h := range s.Shell.Histories {
			if h.Link == "/dev/null" {
				facts = append(facts, finding.Fact{Source: h.Path, Got: "leads to /dev/null", Want: "a file that keeps what was typed"})
			}
		}
		for _, e := range s.Shell.Entries {
			if e.Kind == "history" && !e.Own && e.Name == "HISTFILE" && e.Value == "/dev/null" {
				facts = append(facts, finding.Fact{Source: e.Source, Line: e.Line, Got: "HISTFILE=" + e.Value, Want: "a file that keeps what was typed"})
			}
		}
	}
	if s.Trail != nil {
		for _, r := range s.Trail.Records {
			if r.Zeroed > 0 {
				facts = append(facts, finding.Fact{Source: r.Path, Got: fmt.Sprintf("%d records between others are empty", r.Zeroed), Want: "a record for each login"})
			}
		}
	}
	return facts
}
