package trust

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// briefest is the idle time in seconds below which a shell that ends itself
// cannot be worked in. Hardening guides ask for 300 to 900.
const briefest = 60

// variable judges a variable that a startup file sets on no condition.
func variable(s *snapshot.Snapshot, e snapshot.ShellEntry) (why, want string) {
	switch e.Name {
	case "TMOUT":
		if n, err := strconv.Atoi(e.Value); err == nil && n > 0 && n < briefest {
			return fmt.Sprintf("ends a session that is idle for %d s", n), "no TMOUT, or minutes"
		}
	case "KUBECONFIG":
		return kubeconfig(s, e)
	case "KUBE_EDITOR", "EDITOR", "VISUAL":
		if prog := program0(e.Value); idle(prog) || slices.Contains([]string{"sed", "awk", "perl", "cp", "rm", "tee", "cat"}, prog) || strings.HasPrefix(e.Value, "/") && hidden(first(e.Value)) {
			return fmt.Sprintf("has %q edit, which is no editor", e.Value), "an editor"
		}
	case "PAGER", "SYSTEMD_PAGER", "MANPAGER":
		if prog := program0(e.Value); prog != "" && (idle(prog) || slices.Contains([]string{"head", "tail", "grep", "sed", "awk", "wc"}, prog)) {
			return fmt.Sprintf("shows what is long through %q, which leaves things out", e.Value), "a pager"
		}
	case "BASH_ENV", "ENV":
		if strings.HasPrefix(e.Value, "/") && hidden(e.Value) {
			return "has every shell read " + e.Value + " first", "no such file"
		}
	case "PATH":
		if w := lost(e.Value); w != "" {
			return w, "the usual folders"
		}
	}
	return "", ""
}

// program0 is the program of a command line, without its folder.
func program0(line string) string { return path.Base(first(line)) }

func first(line string) string {
	w := strings.Fields(strings.Trim(line, `"'`))
	if len(w) == 0 {
		return ""
	}
	return w[0]
}

// kubeconfig judges KUBECONFIG: of the files that it names, one must be there
// on a node that has a kubeconfig for administrators. On others the line takes
// nothing away: a profile for all nodes names a file that workers lack.
func kubeconfig(s *snapshot.Snapshot, e snapshot.ShellEntry) (why, want string) {
	if len(admins(s)) == 0 || e.Value == "" || e.User != "*" && e.User != "root" {
		return "", ""
	}
	for name := range strings.SplitSeq(e.Value, ":") {
		name = strings.Replace(strings.Replace(name, "${HOME}", "/root", 1), "$HOME", "/root", 1)
		if rest, ok := strings.CutPrefix(name, "~/"); ok {
			name = "/root/" + rest
		}
		is := func(k snapshot.Kubeconfig) bool { return k.Path == name }
		if !strings.HasPrefix(name, "/") || strings.Contains(name, "$") || slices.ContainsFunc(s.Kubeconfigs.Files, is) || slices.ContainsFunc(s.Kubeconfigs.Others, is) {
			return "", ""
		}
	}
	return "has kubectl read " + e.Value + ", which is no kubeconfig", "a kubeconfig that is there"
}
