package systemd

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// What is followed of a command: how deep, how many files, how long ones.
const (
	scriptDepth = 3
	maxScripts  = 16
	maxScript   = 32 << 10
)

// usualPath is the search path of commands where nothing else is said.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// wrappers run the command that their arguments hold.
var wrappers = []string{"exec", "nohup", "sudo", "nice", "ionice", "timeout", "setsid", "env", "command", "time", "stdbuf", "flock", "systemd-run", "eval", "do", "then", "else", "if", "while", "until", "!"}

// readers read code from a file that need not be executable.
var readers = []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox", "python", "python3", "perl", "ruby", "node", "awk", "source", "."}

// A follower finds the text files that a command runs or sources.
type follower struct {
	env  *source.Env
	path string
	out  []snapshot.Text
	seen map[string]bool
}

// scripts returns the texts behind a command. dirs is the search path, "" for
// the usual one.
func scripts(e *source.Env, cmd, dirs string) []snapshot.Text {
	if dirs == "" {
		dirs = usualPath
	}
	f := &follower{env: e, path: dirs, seen: map[string]bool{}}
	f.text(cmd, 1)
	return f.out
}

// text looks at shell text.
func (f *follower) text(text string, depth int) {
	if depth > scriptDepth {
		return
	}
	vars := map[string]string{"HOME": "/root"}
	for _, words := range split(text) {
		f.command(words, vars, depth)
	}
}

// command looks at the words of one simple command. Any absolute path may be
// a script; a bare name is one where a command stands.
func (f *follower) command(words []string, vars map[string]string, depth int) {
	start, reads, parts := true, false, false
	for i, w := range words {
		if name, value, ok := assignment(w); ok && start {
			vars[name] = expand(value, vars)
			continue
		}
		w = expand(w, vars)
		base := path.Base(w)
		parts = parts || start && base == "run-parts"
		switch {
		case i > 0 && isCodeFlag(words[i-1]):
			f.text(w, depth+1)
		case parts && strings.HasPrefix(w, "/"):
			f.folder(w, depth)
		case strings.HasPrefix(w, "/"):
			f.file(w, reads, depth)
		case start && w != "" && !strings.Contains(w, "/"):
			f.search(w, depth)
		}
		if strings.HasPrefix(w, "-") || slices.Contains(wrappers, base) || start && i > 0 && strings.Trim(w, "0123456789.smh") == "" {
			continue // what follows may still be the command
		}
		reads = reads || start && slices.Contains(readers, base)
		start = false
	}
}

// isCodeFlag reports whether a flag such as -c or -lc says that code follows.
func isCodeFlag(w string) bool {
	return len(w) > 1 && len(w) < 5 && w[0] == '-' && w[1] != '-' && strings.HasSuffix(w, "c")
}

// folder looks at the scripts of a folder that is run as a whole. Those of
// cron's own folders are entries of their own.
func (f *follower) folder(dir string, depth int) {
	list, err := f.env.ReadDir(dir)
	if err != nil || strings.HasPrefix(dir, "/etc/cron.") {
		return
	}
	for _, x := range list {
		f.file(path.Join(dir, x.Name()), false, depth)
	}
}

func (f *follower) search(name string, depth int) {
	for dir := range strings.SplitSeq(f.path, ":") {
		full := path.Join(dir, name)
		if i, err := f.env.Stat(full); strings.HasPrefix(dir, "/") && err == nil && i.IsRegular() && i.Mode&0o111 != 0 {
			f.file(full, false, depth)
			return
		}
	}
}

// file keeps a text file and looks into it. Programs of packages are known
// and left out, unless code is read from them.
func (f *follower) file(name string, read bool, depth int) {
	name = path.Clean(name)
	for _, dir := range []string{"/proc/", "/sys/", "/dev/"} {
		if strings.HasPrefix(name, dir) {
			return
		}
	}
	if f.seen[name] || len(f.out) >= maxScripts {
		return
	}
	f.seen[name] = true
	i, err := f.env.Stat(name)
	if err != nil || !i.IsRegular() || f.env.PackageOwner(name) != "" || !isScript(f.head(name), i.Mode, read) {
		return
	}
	t, err := f.env.Text(name, maxScript)
	if err != nil {
		return
	}
	t.Content = secret.Scrub(t.Content)
	f.out = append(f.out, t)
	f.text(t.Content, depth+1)
}

// head is the start of a file: a program of many megabytes is not read
// further.
func (f *follower) head(name string) []byte {
	file, err := f.env.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	head := make([]byte, 512)
	n, _ := file.Read(head)
	return head[:n]
}

// isScript reports whether a file is code in text: it says so, can be run, or
// is read as such.
func isScript(head []byte, mode uint32, read bool) bool {
	if len(head) == 0 || bytes.IndexByte(head, 0) >= 0 || bytes.HasPrefix(head, []byte("\x7fELF")) {
		return false
	}
	return read || bytes.HasPrefix(head, []byte("#!")) || mode&0o111 != 0
}
