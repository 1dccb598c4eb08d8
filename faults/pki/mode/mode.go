// Package mode is the fault of a certificate or key that its reader may not
// read, or that everybody may.
package mode

import (
	"fmt"
	"io/fs"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "pki/mode",
	Layer:  fault.PKI,
	Needs:  []snapshot.Section{snapshot.SectionPKI},
	Uses:   []snapshot.Section{snapshot.SectionStatic},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ComponentDown, Strength: symptom.Usually},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, f := range s.PKI.Files {
		if f.Error != "" || f.Link != "" || len(f.UsedBy) == 0 {
			continue
		}
		if x, ok := unread(s, f); ok {
			out = append(out, x)
		} else if f.Keys > 0 && secret(s, f) && f.Mode&0o007 != 0 {
			out = append(out, finding.Finding{
				Subject: finding.Subject{Kind: "file", Name: f.Path}, Summary: fmt.Sprintf("the private key %s may be read by everybody", f.Path),
				Facts:    []finding.Fact{{Source: f.Path, Got: fmt.Sprintf("mode %04o", f.Mode), Want: fmt.Sprintf("%04o", f.Mode&^0o007)}},
				Commands: []string{"ls -l " + f.Path},
			})
		}
	}
	return out
}

// secret reports whether the file holds a private key.
func secret(s *snapshot.Snapshot, f snapshot.PEMFile) bool {
	for _, k := range s.PKI.Keys {
		if k.Path == f.Path && !k.Public {
			return true
		}
	}
	return false
}

// unread tells of a file that a static pod which is not root is to load. Where
// none of its files is for its user, that user is what is wrong.
func unread(s *snapshot.Snapshot, f snapshot.PEMFile) (finding.Finding, bool) {
	for _, from := range f.UsedBy {
		file, line := certs.Place(from)
		for _, p := range manifest.All(s) {
			uid, gid, at := manifest.User(p.File)
			if p.File.Path != file || uid <= 0 || readable(f, uid, gid) || certs.Foreign(s, file, uid, gid) {
				continue
			}
			return finding.Finding{
				Subject: finding.Subject{Kind: "file", Name: f.Path}, Summary: fmt.Sprintf("%s runs as user %d, who may not read %s", p.Name(), uid, f.Path),
				Facts: []finding.Fact{
					{Source: f.Path, Got: fmt.Sprintf("mode %04o, owner %d:%d", f.Mode, f.UID, f.GID), Want: fmt.Sprintf("readable by user %d", uid)},
					p.Quote(line, ""), p.Quote(at, ""),
				},
				Commands: []string{"ls -ln " + f.Path},
			}, true
		}
	}
	return finding.Finding{}, false
}

func readable(f snapshot.PEMFile, uid, gid int64) bool {
	switch {
	case int64(f.UID) == uid:
		return f.Mode&0o400 != 0
	case int64(f.GID) == gid && gid > 0 && f.Mode&0o040 != 0:
		return true
	}
	return f.Mode&0o004 != 0
}

func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	file, ok := certs.File(s, f.Subject.Name)
	if !ok {
		return nil, fmt.Errorf("cannot change the mode of %s: nothing is known of it", f.Subject.Name)
	}
	if x, ok := unread(s, file); ok {
		if secret(s, file) {
			return nil, fmt.Errorf("cannot say whose %s is to be: %s; give it the owner or group that the component runs as", file.Path, x.Summary)
		}
		return op.Plan{op.Chmod{Path: file.Path, Old: fs.FileMode(file.Mode), New: fs.FileMode(file.Mode | 0o444)}}, nil
	}
	closed := file
	closed.Mode &^= 0o007
	if x, ok := unread(s, closed); ok {
		return nil, fmt.Errorf("cannot close %s: %s then; give it the owner or group that the component runs as", file.Path, x.Summary)
	}
	return op.Plan{op.Chmod{Path: file.Path, Old: fs.FileMode(file.Mode), New: fs.FileMode(closed.Mode)}}, nil
}
