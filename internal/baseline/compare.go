package baseline

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/baseline/git"
	"github.com/klustered/klustered/snapshot"
)

// blamed bounds how many commits are looked through for who gave a file its
// content.
const blamed = 500

// A Base is one version of a baseline.
type Base struct {
	Version git.Version
	repo    *git.Repository
	files   map[string]git.Hash // by path in the repository
}

// Read opens a version of the repository at dir, as [git.Repository.Find] knows
// it. Where there is none the error is [git.ErrNone].
func Read(files git.Files, dir, rev string) (*Base, error) {
	r, err := git.Open(files, dir)
	if err != nil {
		return nil, err
	}
	v, err := r.Find(rev)
	if err != nil {
		return nil, err
	}
	b := &Base{Version: v, repo: r}
	b.files, err = r.Files(v)
	return b, err
}

// Nodes are the nodes that it keeps.
func (b *Base) Nodes() []string {
	var out []string
	for name := range b.files {
		rest, ok := strings.CutPrefix(name, "nodes/")
		node, file, _ := strings.Cut(rest, "/")
		if ok && file == "index" {
			out = append(out, node)
		}
	}
	slices.Sort(out)
	return out
}

// get is the content at a path of the repository; nil where there is none.
func (b *Base) get(name string) ([]byte, error) {
	h, ok := b.files[name]
	if !ok {
		return nil, nil
	}
	return b.repo.Blob(h)
}

// since is the commit that gave the path its content, and the version itself
// where it has no such path.
func (b *Base) since(name string) (snapshot.Commit, error) {
	if _, ok := b.files[name]; !ok {
		return commit(b.Version), nil
	}
	v, err := b.repo.Blame(b.Version, name, blamed)
	return commit(v), err
}

func commit(v git.Version) snapshot.Commit {
	return snapshot.Commit{Hash: v.Hash.String(), Author: v.Author.String(), At: v.At, Subject: v.Subject()}
}

// Keep are the paths and contents of the version, without those of the nodes
// and of the cluster that are captured anew.
func (b *Base) Keep(nodes []string, cluster bool) (map[string][]byte, error) {
	out := map[string][]byte{}
	for name := range b.files {
		anew := cluster && strings.HasPrefix(name, "cluster/") ||
			slices.ContainsFunc(nodes, func(n string) bool { return strings.HasPrefix(name, "nodes/"+n+"/") })
		if anew {
			continue
		}
		data, err := b.get(name)
		if err != nil {
			return nil, err
		}
		out[name] = data
	}
	return out, nil
}

// Compare says how the node of s differs from what is kept of it; nil when
// nothing is. absent reports that nothing is at a path of the node: a kept file
// that s does not have is gone only then, and else unread.
func (b *Base) Compare(s *snapshot.Snapshot, absent func(path string) bool) (*snapshot.Baseline, error) {
	c, ok := b.comparison(s, s.Node, absent)
	if !ok {
		return nil, nil
	}
	if err := c.texts(); err != nil {
		return nil, err
	}
	if err := c.marks(); err != nil {
		return nil, err
	}
	if err := c.objects(); err != nil {
		return nil, err
	}
	return c.out, nil
}

// CompareLike says how the files of s differ from those that are kept of another
// node; nil when nothing is.
func (b *Base) CompareLike(s *snapshot.Snapshot, node string, absent func(path string) bool) (*snapshot.Baseline, error) {
	c, ok := b.comparison(s, node, absent)
	if !ok {
		return nil, nil
	}
	return c.out, c.texts()
}

func (b *Base) comparison(s *snapshot.Snapshot, node string, absent func(string) bool) (comparison, bool) {
	c := comparison{base: b, s: s, dir: "nodes/" + node + "/", out: &snapshot.Baseline{Commit: commit(b.Version)}, absent: absent}
	_, ok := b.files[c.dir+"index"]
	return c, ok
}

// A comparison is one of a node with its baseline.
type comparison struct {
	base *Base
	s    *snapshot.Snapshot
	dir  string
	out  *snapshot.Baseline
	// absent reports that nothing is at a path of the node.
	absent func(path string) bool
}

// whole reports whether all of the section was read.
func (c *comparison) whole(x snapshot.Section) bool {
	return c.s.Has(x) && !slices.ContainsFunc(c.s.Gaps, func(g snapshot.Gap) bool { return g.Section == x })
}

func (c *comparison) add(d snapshot.Drift, at string) error {
	var err error
	d.Since, err = c.base.since(at)
	c.out.Drifts = append(c.out.Drifts, d)
	return err
}

// texts compares files.
func (c *comparison) texts() error {
	index, err := c.base.get(c.dir + "index")
	if err != nil {
		return err
	}
	was, err := parseIndex(index)
	if err != nil {
		return err
	}
	is := texts(c.s)
	tool, err := c.base.get(c.dir + "tool")
	if err != nil {
		return err
	}
	c.out.Files = len(was)
	for _, name := range slices.Sorted(maps.Keys(was)) {
		w, now := was[name], is[name]
		switch {
		case now.Path == "" && !c.absent(name):
			c.out.Unread = append(c.out.Unread, name)
			continue
		case now.Path != "" && alike(w, now):
			continue
		}
		content, err := c.base.get(c.dir + "files" + name)
		if err != nil {
			return err
		}
		w.Content = string(content)
		d := snapshot.Drift{Kind: "file", Name: name, State: snapshot.DriftGone, Was: &w}
		if now.Path != "" {
			d.State, d.Is = snapshot.DriftChanged, &now
		}
		if err := c.add(d, c.dir+"files"+name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[name]; !ok {
			now := is[name]
			if string(tool) != c.s.Tool+"\n" && !now.Modified.After(c.base.Version.At) {
				continue // another version of klustered, which did not read it
			}
			if err := c.add(snapshot.Drift{Kind: "file", Name: name, State: snapshot.DriftAdded, Is: &now}, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// alike reports whether two readings of a file are the same in what is kept.
func alike(a, b snapshot.Text) bool {
	if a.Link != "" || b.Link != "" {
		return a.Link == b.Link && (!kept(a.Link) || a.SHA256 == b.SHA256)
	}
	return a.SHA256 == b.SHA256 && a.Mode == b.Mode && a.UID == b.UID && a.GID == b.GID
}

// marks compares certificates and keys.
func (c *comparison) marks() error {
	data, err := c.base.get(c.dir + "pki")
	if err != nil {
		return err
	}
	was, err := parsePrints(data)
	if err != nil {
		return err
	}
	is, err := parsePrints([]byte(prints(cmp.Or(c.s.PKI, &snapshot.PKI{}))))
	if err != nil {
		return err
	}
	whole := c.whole(snapshot.SectionPKI)
	all := slices.Sorted(maps.Keys(was))
	for _, name := range slices.Sorted(maps.Keys(is)) {
		if _, ok := was[name]; !ok {
			all = append(all, name)
		}
	}
	for _, name := range all {
		w, n := was[name], is[name]
		kind, path, _ := strings.Cut(name, " ")
		d := snapshot.Drift{Kind: kind, Name: path, State: snapshot.DriftChanged, Old: w.String(), New: n.String()}
		switch {
		case w.sum == n.sum:
			continue
		case n.sum == "" && !whole:
			c.out.Unread = append(c.out.Unread, path)
			continue
		case n.sum == "":
			d.State = snapshot.DriftGone
		case w.sum == "":
			d.State = snapshot.DriftAdded
		}
		if err := c.add(d, c.dir+"pki"); err != nil {
			return err
		}
	}
	return nil
}

// Place is where in the repository an object is kept.
func Place(kind, group, namespace, name string) (string, error) {
	if strings.ContainsAny(kind+group+namespace+name, "/\x00\n") || kind == "" || name == "" || name == "." || name == ".." {
		return "", fmt.Errorf("cannot keep the %s %q: its name is no name of a file", kind, name)
	}
	dir := "cluster/" + strings.TrimSuffix(strings.ToLower(kind)+"."+group, ".") + "/"
	if namespace != "" {
		dir += namespace + "/"
	}
	return dir + name + ".yaml", nil
}
