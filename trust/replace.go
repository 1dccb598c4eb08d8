package trust

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Replaced are the commands whose file on the search path is not the program
// that it should be. It reads sections trust and programs; without programs
// less is known of what the files are.
func Replaced(s *snapshot.Snapshot) []Doubt {
	if s.Trust == nil {
		return nil
	}
	var out []Doubt
	for _, t := range s.Trust.Tools {
		if b, why, want := replaced(s, t); why != "" {
			d := Doubt{
				Subject: finding.Subject{Kind: "command", Name: t.Name}, Binary: b,
				Summary:  fmt.Sprintf("%s is not the program %s: %s", b.Path, t.Name, why),
				Facts:    []finding.Fact{{Source: b.Path, Got: why, Want: want}},
				Commands: []string{"type -a " + t.Name, "ls -la " + b.Path, "head -c 300 " + b.Path},
			}
			d.Facts = append(d.Facts, beside(s.Trust, t, b)...)
			out = append(out, d)
		}
	}
	return out
}

// beside quotes which folder comes first, what the script holds, and which
// other file there is.
func beside(t *snapshot.Trust, tool snapshot.Tool, b snapshot.Binary) []finding.Fact {
	var facts []finding.Fact
	if body := tool.Body; body != nil && b.Path == tool.Hits[0].Path {
		for i, line := range body.Lines() {
			if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "#") && len(facts) < 3 {
				facts = append(facts, finding.Fact{Source: b.Path, Line: i + 1, Got: shown(text)})
			}
		}
	}
	for _, f := range t.Path {
		if f.Dir == path.Dir(b.Path) && f.Source != "" && !usual(f.Dir) {
			facts = append(facts, finding.Fact{Source: f.Source, Line: f.Line, Got: f.Dir + " comes before the usual folders of PATH"})
		}
	}
	for _, o := range tool.Hits {
		if o.Path != b.Path && o.Executable() {
			facts = append(facts, finding.Fact{Source: o.Path, Got: strings.TrimSpace("the program that comes after it " + owner(o))})
			break
		}
	}
	return facts
}

func owner(b snapshot.Binary) string {
	if b.Package == "" {
		return ""
	}
	return "(of package " + b.Package + ")"
}

func usual(dir string) bool {
	return slices.Contains([]string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin"}, dir)
}

// replaced says what is wrong with the file that is run for a command, and
// what it should be; or "".
func replaced(s *snapshot.Snapshot, t snapshot.Tool) (b snapshot.Binary, why, want string) {
	if len(t.Hits) == 0 {
		return b, "", ""
	}
	first := slices.IndexFunc(t.Hits, snapshot.Binary.Executable)
	if first < 0 {
		if b = t.Hits[0]; b.Size == 0 || b.Error != "" || b.Mode == 0 {
			return b, "", ""
		}
		return b, fmt.Sprintf("it has no run bit (mode %04o)", b.Mode&0o7777), "mode 0755"
	}
	b = t.Hits[first]
	if b.Error != "" || b.PackageSum == "same" {
		return b, "", ""
	}
	p, parsed := program(s, b)
	switch {
	case b.PackageSum == "differs":
		return b, "its bytes are not those that package " + b.Package + " installed", "the package's file"
	case parsed && p.Foreign:
		return b, "it is built for another machine (" + p.Machine + ")", "a program for this machine"
	case !b.ELF:
		return b, notELF(t, b), "a program"
	case hidden(b.Path):
		return b, "it lies where no program belongs", "a program in a usual folder"
	}
	if o, ok := another(s.Trust, t, b, first); ok {
		return b, fmt.Sprintf("it belongs to no package and comes before %s %s", o.Path, owner(o)), "one " + t.Name + " on PATH, the package's"
	}
	if parsed {
		return b, otherBuild(t.Name, p), "a build of " + t.Name
	}
	return b, "", ""
}

// notELF says what a file that is no compiled program does wrong. A script
// that hands on what is typed to the program itself is none.
func notELF(t snapshot.Tool, b snapshot.Binary) string {
	switch {
	case b.Package != "" && b.PackageSum == "":
		return "" // scripts of packages without sums
	case b.Size == 0:
		return "it is empty, so that it does nothing"
	case b.Script == "" && t.Body == nil:
		return ""
	case t.Body == nil:
		return "it is a script run by " + b.Script
	case !strings.Contains(b.Script, "sh") && b.Script != "":
		return "it is a script run by " + b.Script
	}
	if why := plain(t.Body.Content, t.Name); why != "" {
		return "it is a script, and " + why
	}
	return ""
}

// another is the package's file that comes after a core command of none. Who
// builds such a package anew has all of its commands in the same folder, and
// of one that has no other command that is known nothing can be told.
func another(all *snapshot.Trust, t snapshot.Tool, b snapshot.Binary, first int) (snapshot.Binary, bool) {
	core := []string{"bash", "sh", "systemctl", "journalctl", "ls", "cat", "grep", "ps", "top", "kill", "id", "sudo", "mount", "umount", "df", "crontab", "dmesg", "sysctl", "find", "tail", "sed", "nsenter"}
	if b.Package != "" || !slices.Contains(core, t.Name) {
		return snapshot.Binary{}, false
	}
	for _, o := range t.Hits[first+1:] {
		if o.Package == "" || o.SHA256 == "" || b.SHA256 == "" || o.SHA256 == b.SHA256 {
			continue
		}
		kin, built := siblings(all, t.Name, o.Package, path.Dir(b.Path))
		return o, kin > 0 && built == 0
	}
	return snapshot.Binary{}, false
}

// siblings counts the other commands of a package, and those of them that dir
// has too, from no package.
func siblings(all *snapshot.Trust, name, pkg, dir string) (kin, built int) {
	for _, t := range all.Tools {
		if t.Name == name || !slices.ContainsFunc(t.Hits, func(h snapshot.Binary) bool { return h.Package == pkg }) {
			continue
		}
		kin++
		if slices.ContainsFunc(t.Hits, func(h snapshot.Binary) bool { return h.Package == "" && h.ELF && path.Dir(h.Path) == dir }) {
			built++
		}
	}
	return kin, built
}

// mains are the main packages of Kubernetes' tools, by the end of their path.
var mains = map[string]string{
	"kubectl": "/cmd/kubectl", "kubeadm": "/cmd/kubeadm", "kubelet": "/cmd/kubelet", "crictl": "/cmd/crictl", "ctr": "/cmd/ctr", "containerd": "/cmd/containerd",
	"etcdctl": "/etcdctl", "etcdutl": "/etcdutl", "helm": "/cmd/helm", "runc": "opencontainers/runc",
}

// otherBuild says which other tool a compiled program is, or that it is none of
// Go, in which these are written.
func otherBuild(name string, p snapshot.Program) string {
	if mains[name] == "" || p.Type == "" {
		return ""
	}
	if p.Go == nil {
		if name == "runc" || p.Package != "" { // crun
			return ""
		}
		return "it is a program without Go's build information, which " + name + " has"
	}
	main, _, _ := strings.Cut(p.Go.Path, "/v3")
	for other, end := range mains {
		if other != name && strings.HasSuffix(p.Go.Path, end) || other != name && strings.HasSuffix(main, end) {
			return "it is a build of " + p.Go.Path
		}
	}
	return ""
}

// program is what section programs says of a file.
func program(s *snapshot.Snapshot, b snapshot.Binary) (snapshot.Program, bool) {
	if s.Programs == nil {
		return snapshot.Program{}, false
	}
	real := b.Path
	if b.Target != "" {
		real = b.Target
	}
	for _, p := range s.Programs.List {
		if p.Container == "" && !p.Deleted && (p.Path == real || slices.Contains(p.Names, b.Path) || p.Path == b.Path) {
			return p, true
		}
	}
	return snapshot.Program{}, false
}
