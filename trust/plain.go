package trust

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/script"
)

// stands are programs known to do what another does, and more; with the word
// that follows, those that carry it within.
var stands = map[string][]string{
	"kubectl":  {"kubecolor", "oc", "k3s", "rke2", "k0s", "microk8s", "microk8s.kubectl", "minikube", "kubectl.real", "asdf", "mise", "snap"},
	"crictl":   {"k3s", "rke2"},
	"ctr":      {"k3s", "k0s", "microk8s", "microk8s.ctr"},
	"helm":     {"microk8s", "microk8s.helm", "microk8s.helm3", "helm3", "asdf", "mise"},
	"docker":   {"podman", "nerdctl", "finch", "lima"},
	"podman":   {"docker"},
	"nerdctl":  {"lima", "docker"},
	"runc":     {"crun"},
	"iptables": {"iptables-nft", "iptables-legacy"}, "ip6tables": {"ip6tables-nft", "ip6tables-legacy"},
	"service": {"systemctl"},
}

// shapers only change how something looks.
var shapers = []string{"less", "more", "cat", "bat", "column", "nl", "fmt", "sort", "jq", "yq", "tee", "grc", "ccze", "lnav", "pygmentize", "fzf", "expand", "ansifilter"}

// turned are options with which a command looks at, or acts on, something
// else than it does by itself.
var turned = map[string][]string{
	"kubectl":    {"--dry-run", "--server", "-s", "--as", "--as-group", "--as-uid", "--token", "--selector", "-l", "--field-selector", "--insecure-skip-tls-verify", "--tls-server-name"},
	"helm":       {"--dry-run", "--kube-apiserver", "--kube-as-user", "--kube-token"},
	"systemctl":  {"--user", "--root", "--image", "--host", "-H", "--machine", "-M", "--dry-run", "--runtime", "--state"},
	"journalctl": {"--directory", "-D", "--file", "--root", "--user", "--machine", "-M", "--since", "-S", "--until", "-U", "--image", "--namespace", "--grep", "-g", "--priority", "-p", "--facility"},
	"kubeadm":    {"--dry-run", "--rootfs"},
	"nft":        {"--check", "-c"},
	"sysctl":     {"--dry-run"},
	"crontab":    {"-u"},
}

// arguments stand for those that were typed.
func arguments(w string) bool {
	return strings.HasPrefix(w, "$@") || strings.HasPrefix(w, "$*") || strings.HasPrefix(w, "${@") || strings.HasPrefix(w, "${*") || strings.HasPrefix(w, "${argv") || w == "$argv"
}

// plain says why a text that runs in the place of the command name does not do
// what the command does, or "". Each of its commands that is given what was
// typed is looked at.
func plain(text, name string) string {
	cmds := script.Commands(text)
	var w wrapping
	for i, c := range cmds {
		prog, args := called(c, name)
		given := slices.IndexFunc(args, arguments)
		if given < 0 || !calls(prog, args[:given], name) {
			w.beside(path.Base(prog), args, c.Branch)
			continue
		}
		if no := unlike(cmds, i, name); no != "" {
			w.why = no
			continue
		}
		w.serves, w.sure, w.tests = true, w.sure || !c.Branch, false
	}
	switch {
	case !w.serves && w.why == "":
		return "it does not run " + name
	case w.why != "":
		return w.why
	case w.refuses, w.answers && !w.sure:
		return "for some of what is typed it does not run " + name
	}
	return ""
}

// called is the program that a command runs, and its arguments. Where name
// itself runs others, such as sudo, it is that.
func called(c script.Command, name string) (prog string, args []string) {
	if prog, _ := c.Call(); idle(path.Base(prog)) && path.Base(prog) != name {
		return c.Call()
	}
	for i, w := range c.Words {
		if path.Base(strings.TrimPrefix(w, `\`)) == name {
			return w, c.Words[i+1:]
		}
	}
	return c.Call()
}

// A wrapping is what was seen of a text that wraps a command.
type wrapping struct {
	serves  bool   // it runs the command with what was typed
	sure    bool   // and on no condition
	why     string // it does so, and changes this
	tests   bool   // it looked at what was typed
	asks    bool   // it asked the person
	refuses bool   // it ended, for some of what is typed
	answers bool   // it answered itself, for some of what is typed
}

// beside takes a command that is not the wrapped one.
func (w *wrapping) beside(prog string, args []string, branch bool) {
	switch prog {
	case "return", "exit":
		w.refuses = w.refuses || w.tests && !w.serves && !w.asks
	case "read", "select":
		w.asks = true
	case "case", "[", "[[", "test":
		w.tests = w.tests || slices.ContainsFunc(args, typed)
	case "echo", "printf", ":", "true", "sleep", "cat":
		w.answers = w.answers || branch && w.tests && !w.asks
	}
}

// typed reports whether a word stands for something that was typed.
func typed(w string) bool {
	for _, v := range []string{"$1", "$2", "$3", "$@", "$*", "${1", "${2", "${@", "${*"} {
		if strings.Contains(w, v) {
			return true
		}
	}
	return false
}

// calls reports whether a command is name itself, or stands for it. An
// everyday command may be any program's work.
func calls(prog string, before []string, name string) bool {
	base := path.Base(prog)
	switch {
	case prog == "" || strings.Contains(prog, "/") && hidden(prog):
		return false
	case base == name, slices.Contains(stands[name], base):
		return true
	case slices.ContainsFunc(before, func(w string) bool { return path.Base(w) == name }):
		return !idle(base)
	case slices.Contains(cluster, name):
		return false
	}
	return !idle(base)
}

// idle are programs that do nothing, or only print what they are given.
func idle(base string) bool {
	return slices.Contains([]string{"true", "false", ":", "echo", "printf", "return", "exit", "logger", "sleep", "test", "[", "[[", "case", "for", "set", "local", "shift", "kill", "exec"}, base)
}

// unlike says what a command changes beside running name, or "".
func unlike(cmds []script.Command, i int, name string) string {
	c := cmds[i]
	for _, w := range c.Words {
		option, _, _ := strings.Cut(w, "=")
		if slices.Contains(turned[name], option) {
			return fmt.Sprintf("it adds %s", w)
		}
	}
	for _, w := range c.Writes {
		if w != "/dev/stderr" && w != "/dev/tty" {
			return "what it prints goes to " + w
		}
	}
	for j := i; cmds[j].Piped; {
		next := slices.IndexFunc(cmds, func(x script.Command) bool { return x.After == j })
		if next < 0 {
			return ""
		}
		if n := cmds[next].Name(); !slices.Contains(shapers, n) && n != "grep" || n == "grep" && filters(cmds[next]) {
			return fmt.Sprintf("what it prints goes through %s", strings.Join(cmds[next].Words, " "))
		}
		j = next
	}
	return ""
}

// filters reports whether a grep leaves lines out, and does not just colour
// them as with "pattern|$".
func filters(c script.Command) bool {
	return !slices.ContainsFunc(c.Words[1:], func(w string) bool {
		return strings.HasSuffix(w, "|$") || strings.HasSuffix(w, "|") || w == "" || w == "^"
	})
}
