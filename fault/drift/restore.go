package drift

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Restore plans that a file is as the baseline has it, and that what reads it
// is started again. A file that was added is removed. An error says why a person
// has to do it.
func Restore(s *snapshot.Snapshot, d snapshot.Drift) (op.Plan, error) {
	if why := refused(s, d); why != "" {
		return nil, fmt.Errorf("cannot put back %s: %s", d.Name, why)
	}
	if d.State == snapshot.DriftAdded {
		return append(op.Plan{fault.Remove(*d.Is, "the baseline does not have it")}, reread(s, d.Name)...), nil
	}
	if sameBytes(d) && d.Was.UID == d.Is.UID && d.Was.GID == d.Is.GID {
		return op.Plan{op.Chmod{Path: d.Name, Old: fs.FileMode(d.Is.Mode), New: fs.FileMode(d.Was.Mode)}}, nil
	}
	w := op.WriteFile{Path: d.Name, Link: d.Was.Link, Mode: fs.FileMode(d.Was.Mode), UID: int(d.Was.UID), GID: int(d.Was.GID),
		Why: fmt.Sprintf("as in the baseline's commit %.10s", d.Since.Hash)}
	if d.Was.Link == "" {
		w.Data = []byte(d.Was.Content)
	}
	if d.Is != nil {
		w.Pin = fault.Pin(*d.Is)
	}
	return append(op.Plan{w}, reread(s, d.Name)...), nil
}

// refused says why a difference is not put back; "" when it is.
func refused(s *snapshot.Snapshot, d snapshot.Drift) string {
	switch {
	case d.Kind != "file":
		return "of certificates and keys the baseline has the fingerprint alone; objects are put back by klustered baseline restore"
	case d.State == snapshot.DriftAdded && ofPackage(s, d.Name):
		return "it is a package's file, which the baseline leaves out as long as it is as it came: install the package anew"
	case d.State == snapshot.DriftAdded:
		return ""
	case d.Is != nil && d.Was.Link != "" && d.Was.Link == d.Is.Link:
		return "it leads to " + d.Was.Link + " as before, and that has changed"
	case sameBytes(d) && d.Was.UID == d.Is.UID && d.Was.GID == d.Is.GID:
		return ""
	case d.Is != nil && upgraded(d.Was.Content, d.Is.Content):
		return "another version of its image runs now, and an upgrade is not taken back: capture a new baseline"
	case d.Is == nil && fault.StartsEtcd(d.Was.Content) && (s.Etcd == nil || s.Etcd.DBFileSize == 0):
		return "this node has no data of etcd, and a member without any would begin a cluster of its own"
	case d.Was.Link == "" && !d.Was.Whole():
		return "the baseline has it with its secrets kept out, or in part"
	}
	return ""
}

// sameBytes reports whether a file that is there has the content that it had.
func sameBytes(d snapshot.Drift) bool {
	return d.Is != nil && d.Was != nil && d.Was.Link+d.Is.Link == "" && d.Was.SHA256 == d.Is.SHA256
}

// ofPackage reports whether a package has brought the file.
func ofPackage(s *snapshot.Snapshot, name string) bool {
	return s.Systemd != nil && slices.ContainsFunc(s.Systemd.Units, func(u snapshot.Unit) bool {
		return slices.ContainsFunc(u.Files, func(f snapshot.UnitFile) bool { return f.Path == name && f.Package != "" })
	})
}

// images are the lines of a manifest that name what is run: the name and, apart,
// the version.
var images = regexp.MustCompile(`(?m)^\s*(?:- )?image: *"?([^\s"]+?)([:@][^\s"/]+)?"? *$`)

// upgraded reports whether two manifests run the same images in other versions.
func upgraded(was, is string) bool {
	a, b := images.FindAllStringSubmatch(was, -1), images.FindAllStringSubmatch(is, -1)
	if len(a) != len(b) {
		return false
	}
	other := false
	for i := range a {
		if a[i][1] != b[i][1] {
			return false
		}
		other = other || a[i][2] != b[i][2]
	}
	return other
}

// reread makes those start again that read the file once. The kubelet reads
// manifests by itself, and the runtime pod networks.
func reread(s *snapshot.Snapshot, name string) op.Plan {
	var plan op.Plan
	restart := func(unit string) {
		if o := (op.Unit{Verb: "restart", Name: unit}); !slices.Contains(plan, op.Op(o)) {
			plan = append(plan, o)
		}
	}
	if s.Systemd != nil {
		if isUnit(name) {
			plan = append(plan, op.ReloadUnits{})
		}
		for _, u := range s.Systemd.Units {
			if runs(u) && reads(u, name) {
				restart(u.Name)
			}
		}
		_, there := s.Systemd.Unit("kubelet.service")
		if k := s.Kubelet; k != nil && there && (k.ConfigPath == name || slices.ContainsFunc(k.Files, func(t snapshot.Text) bool { return t.Path == name })) {
			restart("kubelet.service")
		}
	}
	if s.Runtime != nil {
		if _, ok := cri.File(s.Runtime, name); ok {
			if o, err := cri.Restart(s); err == nil {
				restart(o.Name)
			}
		}
	}
	return append(plan, anew(s, name)...)
}

// reads reports whether the file is one of the unit's, or what its environment
// is read from.
func reads(u snapshot.Unit, name string) bool {
	return slices.ContainsFunc(u.Files, func(f snapshot.UnitFile) bool { return f.Path == name }) ||
		slices.ContainsFunc(u.Sourced, func(t snapshot.Text) bool { return t.Path == name }) ||
		isUnit(name) && (path.Base(name) == u.Name || path.Base(path.Dir(name)) == u.Name+".d")
}

// anew starts the static pods anew that a flag gives the file to.
func anew(s *snapshot.Snapshot, name string) op.Plan {
	if s.Static == nil || s.Runtime == nil || s.Runtime.Socket == "" {
		return nil
	}
	var plan op.Plan
	for _, m := range s.Static.Manifests {
		if !slices.ContainsFunc(s.Static.Named, func(n snapshot.NamedFile) bool { return n.Host == name && n.Manifest == m.Path }) {
			continue
		}
		for _, c := range m.Containers {
			plan = append(plan, op.RestartStatic{Socket: s.Runtime.Socket, Container: c.Name})
		}
	}
	return plan
}

// runs reports whether a unit runs, or would if it could.
func runs(u snapshot.Unit) bool {
	return !strings.Contains(u.Name, "@.") && !u.Masked && slices.Contains([]string{"active", "activating", "failed"}, u.Active)
}

// isUnit reports whether systemd reads the file.
func isUnit(name string) bool {
	return strings.Contains(name, "/systemd/system/") || strings.Contains(name, "/systemd/system.conf")
}
