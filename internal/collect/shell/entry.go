package shell

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/mark"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// watched are the variables whose setting changes what a shell, the loader, an
// editor or a Kubernetes tool does.
var watched = []string{
	"PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4", "BASH_ENV", "ENV", "ZDOTDIR", "GLOBIGNORE", "TMOUT", "IFS", "CDPATH", "SHELLOPTS", "BASHOPTS", "FCEDIT", "FIGNORE", "EXECIGNORE", "INPUTRC",
	"KUBECONFIG", "KUBERC", "KUBE_EDITOR", "KUBE_EXTERNAL_DIFF", "KUBECTL_EXTERNAL_DIFF", "KUBECACHEDIR", "KUBECTL_KUBERC", "EDITOR", "VISUAL", "PAGER", "MANPAGER", "SYSTEMD_PAGER", "SYSTEMD_EDITOR", "SYSTEMD_LESS", "LESSOPEN", "LESSCLOSE",
	"CONTAINER_RUNTIME_ENDPOINT", "IMAGE_SERVICE_ENDPOINT", "CONTAINERD_ADDRESS", "CONTAINERD_NAMESPACE", "CRI_CONFIG_FILE", "DOCKER_HOST", "HELM_DRIVER", "GODEBUG", "SSLKEYLOGFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE", "CURL_HOME", "NODE_OPTIONS", "GIT_SSH_COMMAND", "SSH_ASKPASS",
	"PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "PERL5LIB", "PERL5OPT", "PERL5DB", "RUBYOPT", "GCONV_PATH", "LOCPATH", "MALLOC_CHECK_", "TZ", "FAKETIME", "RES_OPTIONS", "LOCALDOMAIN", "HOSTALIASES", "TERM", "COLUMNS",
}

// notable reports whether setting the variable is worth an entry.
func notable(name string) bool {
	low := strings.ToLower(name)
	return slices.Contains(watched, name) || strings.HasPrefix(name, "HIST") || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "ETCDCTL_") ||
		strings.HasPrefix(name, "KUBE") || strings.HasPrefix(name, "GLIBC_") || strings.HasSuffix(low, "_proxy") || strings.HasPrefix(name, "BASH_FUNC_") || strings.HasPrefix(name, "DYLD_")
}

// entries are what a script changes, in its order. user is whose session.
func entries(text, file, user string) []snapshot.ShellEntry {
	r := &reading{file: file, user: user}
	for _, c := range lex(text) {
		r.command(c)
	}
	return r.out
}

// A reading is one script's entries.
type reading struct {
	file, user string
	out        []snapshot.ShellEntry
}

// maxValue bounds what is kept of a value, in bytes.
const maxValue = 1024

func (r *reading) add(kind, name, value string, c command, export bool) {
	value = strings.ToValidUTF8(value, "\ufffd")
	marks := mark.Of(value)
	value = secret.Scrub(value)
	if len(value) > maxValue {
		value = strings.ToValidUTF8(value[:maxValue], "")
	}
	r.out = append(r.out, snapshot.ShellEntry{
		Kind: kind, Name: strings.ToValidUTF8(name, "\ufffd"), Value: value, Source: r.file, Line: c.line, User: r.user, Maybe: c.within, Export: export, Marks: marks,
	})
}

// command takes one command: its assignments, then what it is.
func (r *reading) command(c command) {
	if c.function != "" {
		r.add("function", c.function, c.body, c, false)
		return
	}
	w := c.words
	for len(w) > 0 && w[0].text != "" {
		name, value, ok := assigned(w[0].text)
		if !ok {
			break
		}
		r.variable(name, value, c, false)
		w = w[1:]
	}
	for len(w) > 0 && (w[0].text == "builtin" || w[0].text == "command") {
		w = w[1:]
	}
	if len(w) == 0 {
		return
	}
	args := make([]string, 0, len(w)-1)
	for _, x := range w[1:] {
		args = append(args, x.text)
	}
	r.builtin(w[0].text, args, c)
}

// builtin takes a command by its name.
func (r *reading) builtin(name string, args []string, c command) {
	all := strings.Join(args, " ")
	switch name {
	case "alias":
		for _, a := range args {
			if n, v, ok := strings.Cut(a, "="); ok {
				r.add("alias", n, v, c, false)
			}
		}
	case "export", "declare", "typeset", "readonly", "local", "setenv":
		r.declares(name, args, c)
	case "trap":
		if len(args) > 1 && args[0] != "-" && args[0] != "-p" {
			r.add("trap", strings.Join(args[1:], " "), args[0], c, false)
		}
	case "source", ".":
		r.add("source", name, all, c, false)
	case "exec":
		if len(args) > 0 && args[0] != "<" && args[0] != ">" {
			r.add("exec", "exec", all, c, false)
		}
	case "bind", "bindkey":
		r.add("binding", name, all, c, false)
	case "set", "shopt", "setopt", "unsetopt", "enable", "hash", "stty", "ulimit", "umask", "unset", "unalias":
		if name != "unset" || slices.ContainsFunc(args, notable) {
			r.add("option", name, all, c, false)
		}
	case "complete", "compdef":
		r.add("completion", name, all, c, false)
	case "history":
		r.add("history", name, all, c, false)
	case "for", "case", "select", "[", "[[", "test", "true", "false", ":", "return", "echo", "printf", "break", "continue", "shift", "exit":
	default:
		if m := mark.Of(name + " " + all); len(m) > 0 || name == "eval" {
			r.add("command", name, all, c, false)
		}
	}
}

// declares takes export, declare and their like.
func (r *reading) declares(name string, args []string, c command) {
	export, function := name == "export" || name == "setenv", false
	if name == "setenv" && len(args) == 2 {
		args = []string{args[0] + "=" + args[1]}
	}
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			export = export || strings.Contains(a, "x")
			function = function || strings.Contains(a, "f")
			continue
		}
		n, v, ok := assigned(a)
		switch {
		case function && export:
			r.add("exported-function", a, "", c, true)
		case ok:
			r.variable(n, v, c, export)
		}
	}
}

// variable takes an assignment.
func (r *reading) variable(name, value string, c command, export bool) {
	switch {
	case name == "PATH":
		r.add("path", name, value, c, export)
	case strings.HasPrefix(name, "PS") && len(name) == 3 || name == "PROMPT_COMMAND":
		if name == "PROMPT_COMMAND" || name == "PS0" || strings.Contains(value, "$(") || strings.Contains(value, "`") {
			r.add("prompt", name, value, c, export)
		}
	case strings.HasPrefix(name, "HIST"):
		r.add("history", name, value, c, export)
	case notable(name):
		r.add("variable", name, value, c, export)
	}
}

// assigned cuts a word such as NAME=value or NAME+=value.
func assigned(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, "=")
	name = strings.TrimSuffix(name, "+")
	if i := strings.IndexByte(name, '['); i > 0 {
		name = name[:i]
	}
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' {
		return "", "", false
	}
	for i := range len(name) {
		if c := name[i]; c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return "", "", false
		}
	}
	return name, value, true
}

// sourced are the files that a command of source or "." names, under home and
// with the variables of loops replaced by what they run over.
func sourced(cmds []command, home string) map[int][]string {
	loops := map[string][]string{}
	vars := map[string]string{"HOME": home, "USER": path.Base(home)}
	out := map[int][]string{}
	for i, c := range cmds {
		w := c.words
		if len(w) == 0 {
			continue
		}
		if n, v, ok := assigned(w[0].text); ok && len(w) == 1 {
			vars[n] = fill(v, vars)
		}
		if w[0].text == "for" && len(w) > 3 && w[2].text == "in" {
			for _, x := range w[3:] {
				loops[w[1].text] = append(loops[w[1].text], fill(x.text, vars))
			}
		}
		if len(w) < 2 || w[0].text != "." && w[0].text != "source" || len(out) > 200 {
			continue
		}
		name := w[1].text
		bare := strings.Trim(name, "${}")
		if files, ok := loops[bare]; ok && strings.HasPrefix(name, "$") {
			out[i] = files
			continue
		}
		out[i] = []string{fill(name, vars)}
	}
	return out
}

// fill replaces variables and a leading tilde.
func fill(s string, vars map[string]string) string {
	if s == "~" || strings.HasPrefix(s, "~/") {
		s = vars["HOME"] + s[1:]
	}
	for n, v := range vars {
		if len(s)+len(v) > 4096 {
			break
		}
		s = strings.ReplaceAll(s, "${"+n+"}", v)
		if s == "$"+n || strings.HasPrefix(s, "$"+n+"/") {
			s = v + s[len(n)+1:]
		}
	}
	return s
}
