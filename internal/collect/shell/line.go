package shell

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/mark"
	"github.com/klustered/klustered/snapshot"
)

// at is a place in a file.
func at(file string, line int) string { return file + ":" + strconv.Itoa(line) }

func tooMany(n int) error { return fmt.Errorf("%d more than are kept", n) }

func environFile(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/environ" }

// ancestors are the processes that this one was started from.
func ancestors(p *snapshot.Processes) []int {
	parent := map[int]int{}
	for _, x := range p.List {
		parent[x.PID] = x.PPID
	}
	var out []int
	for pid := os.Getppid(); pid > 1 && !slices.Contains(out, pid) && len(out) < 32; pid = parent[pid] {
		out = append(out, pid)
	}
	return out
}

// marksOf are the marks of any of the values. PATH commonly names folders of
// homes.
func marksOf(list []string) []string {
	var out []string
	for _, v := range list {
		_, value, _ := strings.Cut(v, "=")
		for _, m := range mark.Of(value) {
			if !slices.Contains(out, m) && m != mark.Evidence {
				out = append(out, m)
			}
		}
	}
	slices.Sort(out)
	return out
}

// odd is what is worth an entry in the configuration of a program that is no
// shell: what binds keys, runs commands, or reads other files.
var odd = map[string]*regexp.Regexp{
	"readline": regexp.MustCompile(`^(?:"|\$include|[A-Za-z-]+\s*:|set\s+(?:editing-mode|keymap|disable-completion|input-meta|output-meta|convert-meta))`),
	"vim":      regexp.MustCompile(`^:?\s*(?:c?(?:nore)?abb|ca\b|cab|iabb|ia\b|[nvxsoilct]?(?:nore)?map|au\b|autocmd|com(?:mand)?!?\s|so(?:urce)?\s|ru(?:ntime)?\s|exe|set?\s+(?:shell|modeline|exrc|ro\b|readonly|nomodifiable|backup|dir|verbose)|call\s|silent|let\s+\S*(?:shell|exe)|lua|py|.*system\(|!)`),
	"nano":     regexp.MustCompile(`^(?:bind|unbind|include|set\s+(?:speller|operatingdir|view|restricted)|extendsyntax)`),
	"emacs":    regexp.MustCompile(`(?:shell-command|call-process|start-process|add-hook|load-file|global-set-key|defadvice|advice-add)`),
	"tmux":     regexp.MustCompile(`(?:run-shell|if-shell|default-command|default-shell|set-hook|pipe-pane|#\(|\brun\b|bind.*\brun)`),
	"screen":   regexp.MustCompile(`^(?:exec|bindkey|bind|shell|source|backtick|screen\s|setenv|stuff)`),
	"curl":     regexp.MustCompile(`^-*(?:proxy|cacert|capath|insecure|k\b|resolve|connect-to|x\b|interface|socks)`),
	"wget":     regexp.MustCompile(`^(?:use_proxy|https?_proxy|check_certificate|ca_certificate|use_askpass|input)`),
}

// lines are the entries of a file that is no shell script.
func lines(text, reader, file, user string) []snapshot.ShellEntry {
	r := &reading{file: file, user: user}
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(text, "\ufffd")) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '"' && reader == "vim" || line[0] == ';' || len(r.out) >= 200 {
			continue
		}
		c := command{line: n}
		switch {
		case reader == "environment":
			r.environment(line, c)
		case odd[reader] != nil && odd[reader].MatchString(line):
			kind := "editor"
			if reader == "readline" {
				kind = "binding"
			}
			r.add(kind, reader, line, c, false)
		}
	}
	return r.out
}

// environment takes a line of NAME=value, of "export NAME=value", or of
// pam_env.conf: NAME DEFAULT=value OVERRIDE=value.
func (r *reading) environment(line string, c command) {
	line = strings.TrimPrefix(line, "export ")
	if name, rest, ok := strings.Cut(line, " "); ok && (strings.Contains(rest, "DEFAULT=") || strings.Contains(rest, "OVERRIDE=")) && !strings.Contains(name, "=") {
		line = name + "=" + strings.TrimSpace(rest)
	}
	name, value, ok := assigned(strings.ReplaceAll(line, " =", "="))
	if !ok {
		return
	}
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	if name == "PATH" || notable(name) {
		r.variable(name, value, c, true)
		return
	}
	r.add("variable", name, value, c, true)
}
