package systemd

import (
	"path"
	"slices"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// userDirs are the unit folders of every user's manager, strongest first.
var userDirs = []string{"/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"}

// homeDirs are those in a home, strongest first.
var homeDirs = []string{".config/systemd/user.control", ".config/systemd/user", ".local/share/systemd/user"}

const (
	maxUsers     = 100
	maxUserUnits = 100
)

// userUnits are the units of users' managers that no package owns: those for
// all users, and those in homes and in /run/user.
func userUnits(e *source.Env) []snapshot.Unit {
	out := userTree(e, "*", userDirs)
	for _, h := range e.Homes() {
		var dirs []string
		for _, d := range homeDirs {
			dirs = append(dirs, path.Join(h.Dir, d))
		}
		out = append(out, userTree(e, h.User, dirs)...)
	}
	list, _ := e.ReadDir("/run/user")
	for _, x := range list {
		base := path.Join("/run/user", x.Name(), "systemd")
		out = append(out, userTree(e, "uid "+x.Name(), []string{base + "/user.control", base + "/transient", base + "/user"})...)
	}
	return out[:min(len(out), maxUserUnits)]
}

// userTree are the units of no package in the given folders.
func userTree(e *source.Env, user string, dirs []string) []snapshot.Unit {
	t := indexOf(e, dirs)
	names := t.own()
	slices.Sort(names)
	var out []snapshot.Unit
	for _, n := range names {
		if !t.exists(n) && len(t.dropIns(n)) == 0 {
			continue // a package's, in another folder
		}
		u := scrubbed(t.unit(n))
		u.User = user
		u.Files = t.unitFiles(u, time.Time{})
		if started := t.starts(u); len(started) > 0 {
			u.Unit = started[0]
		}
		out = append(out, u)
	}
	return out
}

// lingering are the users whose manager runs without a login.
func lingering(e *source.Env) []string {
	list, _ := e.ReadDir("/var/lib/systemd/linger")
	var out []string
	for _, x := range list {
		out = append(out, x.Name())
	}
	return out[:min(len(out), maxUsers)]
}
