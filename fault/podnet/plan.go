package podnet

import (
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Pin is what an op on the file checks before it changes it.
func Pin(t snapshot.Text) string {
	if t.Link != "" {
		return op.File{Link: t.Link}.Sum()
	}
	return t.SHA256
}

// Write plans to write a configuration where there is none.
func Write(s *snapshot.Snapshot) (op.Plan, error) {
	text, from, err := Content(s)
	if err != nil {
		return nil, err
	}
	name := Name(s, text)
	if slices.ContainsFunc(s.CNI.Files, func(f snapshot.CNIFile) bool { return f.Path == name }) {
		return nil, fmt.Errorf("cannot write %s: it is there already", name)
	}
	return op.Plan{op.WriteFile{Path: name, Data: []byte(text), Mode: 0o644, Why: "the pod network " + from}}, nil
}

// Replace plans to give the file f a content that works for this node. A file
// whose ending asks for a single plugin makes way for one that holds a list.
func Replace(s *snapshot.Snapshot, f snapshot.CNIFile) (op.Plan, error) {
	if Pin(f.Text) == "" {
		return nil, fmt.Errorf("cannot replace %s: %s", f.Path, f.Error)
	}
	text, from, err := Content(s)
	if err != nil {
		return nil, err
	}
	if x := snapshot.ParseCNI(snapshot.Text{Path: f.Path, Content: text}); x.Error != "" {
		plan, err := Write(s)
		return append(op.Plan{op.RemoveFile{Path: f.Path, Pin: Pin(f.Text), Why: "it does not load"}}, plan...), err
	}
	return op.Plan{op.WriteFile{
		Path: f.Path, Pin: Pin(f.Text), Data: []byte(text), Mode: mode(f), UID: int(f.UID), GID: int(f.GID),
		Why: "the pod network " + from,
	}}, nil
}

// mode is the mode that the file had; a link has none of its own.
func mode(f snapshot.CNIFile) fs.FileMode {
	if f.Link != "" || f.Mode&0o400 == 0 {
		return 0o644
	}
	return fs.FileMode(f.Mode & 0o777)
}

// Provide plans to make plugin t run again: by its mode, or from a copy of it
// on this node.
func Provide(s *snapshot.Snapshot, t string) (op.Plan, error) {
	b, found := Provider(s.CNI, t)
	if found && b.Size > 0 && !b.Executable() && (b.ELF || b.Script != "") {
		return op.Plan{op.Chmod{Path: Real(b), Old: fs.FileMode(b.Mode & 0o777), New: 0o755}}, nil
	}
	spare, ok := Spare(s.CNI, t)
	if !ok {
		return nil, fmt.Errorf("cannot restore plugin %q: this node has no copy of it; install the package that brings CNI plugins, or copy it from another node", t)
	}
	to := path.Join(append(slices.Clone(s.CNI.BinDirs), "/opt/cni/bin")[0], t)
	if found {
		to = Real(b)
	}
	return op.Plan{op.CopyFile{From: Real(spare), FromPin: spare.SHA256, To: to, Pin: b.SHA256, Mode: 0o755}}, nil
}

// Real is the program's file, links followed.
func Real(b snapshot.Binary) string {
	if b.Target != "" {
		return b.Target
	}
	return b.Path
}

// Current is the configuration in force on a healthy node, for a drill to
// break.
func Current(s *snapshot.Snapshot) (snapshot.CNIFile, error) {
	files := Loaded(s)
	if len(files) == 0 || Look(s).Kind != Fine {
		return snapshot.CNIFile{}, fmt.Errorf("cannot break the pod network's configuration of %s: it is not in order now", s.Node)
	}
	if f := files[0]; f.Whole() && f.Link == "" {
		return f, nil
	}
	return snapshot.CNIFile{}, fmt.Errorf("cannot break %s: it was not read whole, or is a link", files[0].Path)
}

// Edit plans to replace the content of f and nothing else of it.
func Edit(f snapshot.CNIFile, text, why string) op.WriteFile {
	return op.WriteFile{Path: f.Path, Pin: Pin(f.Text), Data: []byte(text), Mode: fs.FileMode(f.Mode & 0o777), UID: int(f.UID), GID: int(f.GID), Why: why}
}
