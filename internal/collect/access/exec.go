package access

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// defaultPath is the search path of a root login on Debian and its kin.
var defaultPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// interpreters are programs that run another one, or a text, which then is
// what the plugin really is.
var interpreters = []string{"sh", "bash", "dash", "ash", "zsh", "ksh", "env", "python", "perl", "ruby", "node", "php", "lua", "awk", "sudo", "nohup", "timeout", "busybox", "cat", "xargs"}

// Interpreter reports whether a program of that name runs what its arguments
// name.
func Interpreter(name string) bool {
	return slices.Contains(interpreters, strings.TrimRight(path.Base(name), "0123456789."))
}

// describe finds out what the plugin p of a kubeconfig is, without running
// it: the program, its text when it has one, and whose credentials lie there.
func describe(e *source.Env, kubeconfig string, p plugin, x *snapshot.ExecPlugin) {
	name := lookup(e, kubeconfig, p.Command)
	if name == "" {
		x.Binary = &snapshot.Binary{Path: p.Command, Error: "not found"}
	} else {
		b, _ := e.Binary(name)
		x.Binary = &b
	}
	words := append([]string{}, p.Args...)
	for _, v := range p.Env {
		words = append(words, v.Value)
	}
	body := script(e, x.Binary, p)
	x.Identities = search(e, body, words)
	if body != nil {
		body.Content = secret.Scrub(body.Content)
		x.Body = body
	}
}

// lookup resolves a command as client-go does: with a slash it is a path, a
// relative one beginning in the kubeconfig's folder; without, PATH is
// searched.
func lookup(e *source.Env, kubeconfig, command string) string {
	if strings.Contains(command, "/") {
		if name := beside(kubeconfig, command); e.Exists(name) {
			return name
		}
		return ""
	}
	for _, dir := range defaultPath {
		name := path.Join(dir, command)
		if i, err := e.Stat(name); command != "" && err == nil && i.IsRegular() && i.Mode&0o111 != 0 {
			return name
		}
	}
	return ""
}

// script returns the text that the plugin runs: the program itself when it is
// no ELF file, else the file that an interpreter is given.
func script(e *source.Env, b *snapshot.Binary, p plugin) *snapshot.Text {
	name := ""
	switch {
	case b.Error == "" && !b.ELF && b.Size > 0:
		name = b.Path
	case Interpreter(p.Command):
		for _, a := range p.Args {
			if path.IsAbs(a) && e.Exists(a) {
				name = a
				break
			}
		}
	}
	if name == "" {
		return nil
	}
	t, err := e.Text(name, maxFileBytes)
	if err != nil {
		return nil
	}
	return &t
}
