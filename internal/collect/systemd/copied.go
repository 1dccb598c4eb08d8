package systemd

import (
	"bytes"
	"path"
	"slices"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/script"
	"github.com/klustered/klustered/snapshot"
)

// maxCopied is how many files that an entry copies are read.
const maxCopied = 8

// copied are the text files that the entry copies over others, for who would
// know what it leaves there. Of a package's entry that is known.
func (p *persistence) copied(x snapshot.Persistent) []snapshot.Text {
	if x.Package != "" && x.Sum != "differs" {
		return nil
	}
	deeds := script.Deeds(x.Command)
	for _, t := range x.Scripts {
		deeds = append(deeds, script.Deeds(t.Content)...)
	}
	var out []snapshot.Text
	for _, d := range deeds {
		for _, from := range d.From {
			for _, name := range p.env.Glob(path.Clean(from)) {
				known := func(t snapshot.Text) bool { return t.Path == name }
				if len(out) == maxCopied || slices.ContainsFunc(out, known) {
					continue
				}
				if t, ok := p.plain(name); ok {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// plain reads a text file, without what is secret in it.
func (p *persistence) plain(name string) (snapshot.Text, bool) {
	if !path.IsAbs(name) {
		return snapshot.Text{}, false
	}
	if i, err := p.env.Stat(name); err != nil || !i.IsRegular() {
		return snapshot.Text{}, false
	}
	t, err := p.env.Text(name, maxScript)
	if err != nil || bytes.IndexByte([]byte(t.Content), 0) >= 0 {
		return snapshot.Text{}, false
	}
	t.Content = secret.Scrub(t.Content)
	return t, true
}
