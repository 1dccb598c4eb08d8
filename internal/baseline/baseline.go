// Package baseline keeps how a node and its cluster are when all is well, as
// files in a Git repository, and says what differs later.
//
//	nodes/NODE/index           a line a file: mode, owner, SHA-256, path
//	nodes/NODE/files/PATH      its content, secrets replaced
//	nodes/NODE/tool            the version of klustered that read it
//	nodes/NODE/pki             a line a certificate or key: fingerprint, path, subject
//	cluster/KIND.GROUP/NAME    webhooks, policies and RBAC, as YAML
//
// Private keys, tokens and Secrets never enter.
package baseline

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/raw"
	"github.com/klustered/klustered/snapshot"
)

// Dir is where a node keeps its own baseline.
const Dir = "/var/lib/klustered/baseline"

// Sections are those whose files are kept, with the certificates' one.
func Sections() []snapshot.Section {
	return []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet, snapshot.SectionRuntime, snapshot.SectionContainerd,
		snapshot.SectionCNI, snapshot.SectionSystemd, snapshot.SectionPKI}
}

// volatile are folders in which nothing is kept: what lies there changes by
// itself, or is gone after a boot.
var volatile = []string{"/run/", "/proc/", "/sys/", "/dev/", "/tmp/", "/var/log/", "/var/tmp/", "/var/lib/kubelet/pki/"}

func kept(name string) bool {
	return strings.HasPrefix(name, "/") && path.Clean(name) == name && !strings.ContainsAny(name, "\n\t\x00") &&
		!slices.ContainsFunc(volatile, func(v string) bool { return strings.HasPrefix(name, v) })
}

// texts are the files of s that a baseline keeps, by path: those that are in
// force. What lies beside them may be anybody's, and may change by itself. Of
// the environment of units, which holds passwords of any form, the names stay.
func texts(s *snapshot.Snapshot) map[string]snapshot.Text {
	s = s.Only(Sections()...)
	if s.Static != nil {
		x := *s.Static
		x.Beside, x.Elsewhere = nil, nil
		s.Static = &x
	}
	if s.CNI != nil {
		x := *s.CNI
		x.Others, x.Elsewhere, x.Cached = nil, nil, nil
		s.CNI = &x
	}
	all := raw.Texts(s)
	if s.Systemd != nil {
		for _, u := range s.Systemd.Units {
			for _, t := range u.Sourced {
				if have, ok := all[t.Path]; ok && !ofKubelet(s, t.Path) {
					have.Content = namesOnly(have.Content)
					all[t.Path] = have
				}
			}
		}
	}
	maps.DeleteFunc(all, func(path string, t snapshot.Text) bool { return !kept(path) || t.SHA256 == "" && t.Link == "" })
	return all
}

func ofKubelet(s *snapshot.Snapshot, path string) bool {
	return s.Kubelet != nil && slices.ContainsFunc(s.Kubelet.Files, func(t snapshot.Text) bool { return t.Path == path })
}

// namesOnly is a file of assignments without their values.
func namesOnly(content string) string {
	var out strings.Builder
	for l := range strings.Lines(content) {
		name, _, assigns := strings.Cut(strings.TrimSpace(l), "=")
		if assigns && !strings.HasPrefix(name, "#") {
			out.WriteString(name + "=(kept out)\n")
		}
	}
	return out.String()
}

// Node is what the baseline keeps of a node: paths in the repository and their
// content. A section that is missing is an error, since what was not seen would
// pass for something that is not there.
func Node(s *snapshot.Snapshot) (map[string][]byte, error) {
	if strings.ContainsAny(s.Node, "/\x00") || s.Node == "" || strings.Trim(s.Node, ".") == "" {
		return nil, fmt.Errorf("cannot capture the node %q: its name is no name", s.Node)
	}
	for _, x := range Sections() {
		if !s.Has(x) && x != snapshot.SectionContainerd {
			return nil, fmt.Errorf("cannot capture node %s: its section %s was not read", s.Node, x)
		}
	}
	files := texts(s)
	dir := "nodes/" + s.Node + "/"
	out := map[string][]byte{}
	var index strings.Builder
	for _, path := range slices.Sorted(maps.Keys(files)) {
		t := files[path]
		index.WriteString(line(t))
		if t.Link == "" {
			out[dir+"files"+path] = []byte(t.Content)
		}
	}
	out[dir+"index"] = []byte(index.String())
	out[dir+"tool"] = []byte(s.Tool + "\n")
	out[dir+"pki"] = []byte(prints(s.PKI))
	return out, nil
}

// line is the index's line of a file.
func line(t snapshot.Text) string {
	out := fmt.Sprintf("%04o\t%d:%d\t%s\t%s", t.Mode, t.UID, t.GID, cmp.Or(t.SHA256, "-"), t.Path)
	if t.Link != "" {
		out += "\t" + strconv.Quote(t.Link)
	}
	return out + "\n"
}

// parseIndex reads an index. The texts have no content yet.
func parseIndex(data []byte) (map[string]snapshot.Text, error) {
	out := map[string]snapshot.Text{}
	for l := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		if len(f) != 4 && len(f) != 5 {
			return nil, fmt.Errorf("cannot read the index: it has the line %.80q", l)
		}
		mode, merr := strconv.ParseUint(f[0], 8, 32)
		uid, gid, _ := strings.Cut(f[1], ":")
		u, uerr := strconv.ParseUint(uid, 10, 32)
		g, gerr := strconv.ParseUint(gid, 10, 32)
		t := snapshot.Text{Path: f[3], Mode: uint32(mode), UID: uint32(u), GID: uint32(g), SHA256: strings.Trim(f[2], "-")}
		var lerr error
		if len(f) == 5 {
			t.Link, lerr = strconv.Unquote(f[4])
		}
		if err := cmp.Or(merr, uerr, gerr, lerr); err != nil || !kept(t.Path) {
			return nil, fmt.Errorf("cannot read the index: it has the line %.80q", l)
		}
		out[t.Path] = t
	}
	return out, nil
}

// prints are the fingerprints of certificates and keys, a line each: kind,
// fingerprint, path with the number of the certificate in it, and whose it is.
func prints(p *snapshot.PKI) string {
	var lines []string
	for _, c := range p.Certificates {
		if kept(c.Path) && c.SHA256 != "" {
			lines = append(lines, fmt.Sprintf("certificate\t%s\t%s#%d\t%s until %s\n", c.SHA256, c.Path, max(c.Index, 1), oneLine(c.Subject), c.NotAfter.UTC().Format("2006-01-02")))
		}
	}
	for _, k := range p.Keys {
		if kept(k.Path) && k.SPKI != "" {
			lines = append(lines, fmt.Sprintf("key\t%s\t%s\t\n", k.SPKI, k.Path))
		}
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// A mark is a line of pki: what a fingerprint is of.
type mark struct{ sum, about string }

func (m mark) String() string { return strings.TrimSpace(m.about + " " + m.sum) }

// parsePrints reads a pki file, by kind and path.
func parsePrints(data []byte) (map[string]mark, error) {
	out := map[string]mark{}
	for l := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		if len(f) != 4 {
			return nil, fmt.Errorf("cannot read the fingerprints: there is the line %.80q", l)
		}
		out[f[0]+" "+f[2]] = mark{f[1], f[3]}
	}
	return out, nil
}

// Names are the paths that the version has of a node, and those of its
// certificates with their numbers and its keys.
func (b *Base) Names(node string) ([]string, error) {
	index, err := b.get("nodes/" + node + "/index")
	if err != nil {
		return nil, err
	}
	files, err := parseIndex(index)
	if err != nil {
		return nil, err
	}
	pki, err := b.get("nodes/" + node + "/pki")
	if err != nil {
		return nil, err
	}
	marks, err := parsePrints(pki)
	names := slices.Collect(maps.Keys(files))
	for name := range marks {
		_, name, _ = strings.Cut(name, " ")
		names = append(names, name)
	}
	return names, err
}
