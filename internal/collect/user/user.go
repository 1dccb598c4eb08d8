// Package user collects the node's accounts: who may log in, and how.
package user

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionUsers, Collect: collect}}
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	u := &snapshot.Users{}
	passwd, err := e.ReadFile("/etc/passwd")
	if err != nil {
		e.Gap(snapshot.SectionUsers, "/etc/passwd", err)
	}
	u.List, u.Odd = parsePasswd(passwd)
	group := read(e, "/etc/group")
	var odd []snapshot.UserLine
	u.Groups, odd = parseGroup(group)
	u.Odd = append(u.Odd, odd...)
	shadow := parseShadow(read(e, "/etc/shadow"))
	shells, err := e.ReadFile("/etc/shells")
	u.Shells = parseShells(shells)
	for i := range u.List {
		x := &u.List[i]
		if st, ok := shadow[x.Name]; ok {
			x.Shadow = &st
		}
		x.Listed = err == nil && slices.Contains(u.Shells, x.Shell)
		if ctx.Err() == nil && !refuses[path.Base(x.Shell)] && x.Shell != "" {
			b, _ := e.Program(x.Shell) // what fails is told in it
			x.Login = &b
		}
	}
	for _, name := range []string{"passwd", "group", "shadow", "gshadow"} {
		u.Changed = append(u.Changed, changes(e, "/etc/"+name)...)
	}
	for _, file := range []string{"/etc/subuid", "/etc/subgid"} {
		u.Subs = append(u.Subs, parseSubs(read(e, file), file)...)
	}
	s.Users = u
	return ctx.Err()
}

// refuses are shells that let nobody in.
var refuses = map[string]bool{"nologin": true, "false": true, "sync": true, "shutdown": true, "halt": true}

// read returns a file's bytes, nil when it is not there; what cannot be read
// is a gap.
func read(e *source.Env, name string) []byte {
	data, err := e.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.Gap(snapshot.SectionUsers, name, err)
	}
	return data
}

// changes compares a file with the copy of before its last change by a tool.
func changes(e *source.Env, file string) []snapshot.UserChange {
	was := read(e, file+"-")
	if was == nil {
		return nil
	}
	return compare(file, was, read(e, file))
}
