package trust

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Loaded is what the loader puts into programs that is not theirs: libraries
// of /etc/ld.so.preload and LD_PRELOAD, a core library that comes before its
// package's, a loader that was changed. It reads section loader, and programs
// and processes where they are there. What people and vendors load on purpose,
// allocators and agents, is no doubt.
func Loaded(s *snapshot.Snapshot) []Doubt {
	l := s.Loader
	if l == nil {
		return nil
	}
	var out []Doubt
	for _, x := range l.Preload {
		if x.Owner != "" || meant(s, x.Value) {
			continue
		}
		got, want := x.Value, "no library, or a package's"
		sum := fmt.Sprintf("every program loads %s, which no package owns", x.Value)
		if strings.HasPrefix(x.Value, "/") && !strings.Contains(x.Value, "$") && !x.Exists {
			sum = fmt.Sprintf("every program is told to load %s, which is not there", x.Value)
		}
		out = append(out, Doubt{
			Subject: finding.Subject{Kind: "library", Name: x.Value}, Summary: sum,
			Facts:    append([]finding.Fact{{Source: x.Source, Line: x.Line, Got: got, Want: want}}, mappings(l, x.Value)...),
			Commands: []string{"cat " + x.Source, "ls -la " + x.Value, "(ldd and other programs load it too)"},
		})
	}
	for _, x := range l.Variables {
		if d, ok := preloads(l, x); ok && !meant(s, d.Subject.Name) && !slices.ContainsFunc(out, func(o Doubt) bool { return o.Subject == d.Subject }) {
			out = append(out, d)
		}
	}
	return append(out, core(s)...)
}

// intended are the beginnings of names of libraries that are loaded before
// others by right: allocators, and the agents of Dynatrace, Datadog, Splunk and
// Citrix.
var intended = []string{"libjemalloc", "libtcmalloc", "libmimalloc", "liboneagentproc.so", "launcher.preload.so", "libsplunk.so", "libAppProtection.so"}

// meant reports whether a library that no package owns is there on purpose, as
// far as can be told: it is known, or the folder that its vendor has below /opt
// is one that a service of the node runs from.
func meant(s *snapshot.Snapshot, name string) bool {
	if hidden(name) {
		return false
	}
	if slices.ContainsFunc(intended, func(x string) bool { return strings.HasPrefix(path.Base(name), x) }) {
		return true
	}
	rest, ok := strings.CutPrefix(name, "/opt/")
	vendor, _, below := strings.Cut(rest, "/")
	return ok && below && s.Processes != nil && slices.ContainsFunc(s.Processes.List, func(p snapshot.Process) bool {
		return p.Container == "" && p.Unit != "" && strings.HasPrefix(p.Exe, "/opt/"+vendor+"/")
	})
}

// mappings quote which programs have a library loaded.
func mappings(l *snapshot.Loader, name string) []finding.Fact {
	var facts []finding.Fact
	for _, m := range l.Mapped {
		if m.Path == name && len(m.PIDs) > 0 {
			facts = append(facts, finding.Fact{Source: fmt.Sprintf("/proc/%d/maps", m.PIDs[0]), Got: fmt.Sprintf("%s and %d others have it loaded", m.Name, len(m.PIDs)-1)})
		}
	}
	return facts
}

// preloads takes a setting of LD_PRELOAD or LD_AUDIT outside of programs that
// run: what those have was given to them by it.
func preloads(l *snapshot.Loader, x snapshot.LoaderEntry) (Doubt, bool) {
	_, rest, ok := strings.Cut(x.Value, "LD_PRELOAD=")
	if !ok {
		_, rest, ok = strings.Cut(x.Value, "LD_AUDIT=")
	}
	lib := strings.FieldsFunc(strings.Trim(rest, `"'`), func(r rune) bool { return strings.ContainsRune(" :\"'", r) })
	if !ok || x.PID != 0 || len(lib) == 0 || x.Owner != "" || x.Package != "" && x.Sum == "same" || !strings.HasPrefix(lib[0], "/") {
		return Doubt{}, false
	}
	return Doubt{
		Subject: finding.Subject{Kind: "library", Name: lib[0]},
		Summary: fmt.Sprintf("%s has programs load %s, which no package owns", x.Source, lib[0]),
		Facts: append([]finding.Fact{{Source: x.Source, Line: x.Line, Got: shown(x.Value), Want: "no library, or a package's"}},
			mappings(l, lib[0])...),
		Commands: []string{fmt.Sprintf("sed -n %dp %s", max(1, x.Line), x.Source), "ls -la " + lib[0]},
	}, true
}

// core are the loader and the libraries that nearly all programs use, where
// they are not as a package made them.
func core(s *snapshot.Snapshot) []Doubt {
	var out []Doubt
	for _, b := range s.Loader.Interpreters {
		if b.PackageSum == "differs" {
			out = append(out, Doubt{
				Subject: finding.Subject{Kind: "library", Name: b.Path}, Binary: b,
				Summary:  fmt.Sprintf("the loader %s is not the one that package %s installed", b.Path, b.Package),
				Facts:    []finding.Fact{{Source: b.Path, Got: "its bytes differ from the package's", Want: "the file of package " + b.Package}},
				Commands: []string{"dpkg -V " + b.Package},
			})
		}
	}
	if s.Programs == nil || s.Programs.Packages == "" {
		return out
	}
	for _, x := range s.Loader.Libraries {
		if !x.Core || !x.First || x.Missing || x.Package != "" && x.Sum != "differs" {
			continue
		}
		why := "which no package owns"
		if x.Package != "" {
			why = "whose bytes are not those of package " + x.Package
		}
		out = append(out, Doubt{
			Subject:  finding.Subject{Kind: "library", Name: x.Path},
			Summary:  fmt.Sprintf("programs that ask for %s get %s, %s", x.Name, x.Path, why),
			Facts:    append([]finding.Fact{{Source: "/etc/ld.so.cache", Got: x.Name + " => " + x.Path, Want: "the library of its package"}}, folders(s.Loader, x.Path)...),
			Commands: []string{"ldconfig -p | grep " + x.Name, "dpkg -S " + x.Path},
		})
	}
	return out
}

// folders quote the line by which a library's folder is looked into.
func folders(l *snapshot.Loader, name string) []finding.Fact {
	for _, f := range l.Folders {
		if strings.HasPrefix(name, strings.TrimSuffix(f.Value, "/")+"/") {
			return []finding.Fact{{Source: f.Source, Line: f.Line, Got: f.Value}}
		}
	}
	return nil
}
