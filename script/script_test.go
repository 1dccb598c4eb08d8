package script

import (
	"fmt"
	"strings"
	"testing"
)

// show renders commands, one a line.
func show(list []Command) string {
	var b strings.Builder
	for _, c := range list {
		fmt.Fprintf(&b, "%d", c.Line)
		if c.Branch {
			b.WriteString("?")
		}
		fmt.Fprintf(&b, " %s", strings.Join(c.Words, "_"))
		for _, w := range c.Writes {
			b.WriteString(" >" + w)
		}
		if c.Piped {
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func TestCommands(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"a b; c", "1 a_b\n1 c\n"},
		{"a 'b c' \"d $e\" # no\nf\\ g", "1 a_b c_d $e\n2 f g\n"},
		{"a | b 2>/dev/null >> /x/y && c", "1 a |\n1 b >/dev/null >/x/y\n1? c\n"},
		{"if [ -x a ]; then\n b\nelse c\nfi\nd", "1? [_-x_a_]\n2? b\n3? c\n5 d\n"},
		{"case \"$1\" in\n get|list) a;;\n *) b \"$@\" ;;\nesac\nc", "1? case_$1\n2? a\n3? b_$@\n5 c\n"},
		{"for i in a b; do c $i; done; d", "1? for_i_in_a_b\n1? c_$i\n1 d\n"},
		{"cat <<EOF > /etc/x\nrm -rf y\nEOF\nz", "1 cat >/etc/x\n4 z\n"},
		{"x=$(a b | c) d", "1 x=$(a b | c)_d\n1 a_b |\n1 c\n"},
		{"kubectl() { command kubectl \"$@\"; }", "1 command_kubectl_$@\n"},
		{"function f {\n a\n}", "1 function_f\n2 a\n"},
		{"a 2>&1 | b", "1 a |\n1 b\n"},
		{"", ""},
	} {
		if got := show(Commands(tt.text)); got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.text, got, tt.want)
		}
	}
}

func TestCall(t *testing.T) {
	for text, want := range map[string]string{
		"LANG=C sudo -u root /usr/bin/kubectl get po": "/usr/bin/kubectl get po",
		`\ls -l`:                     "ls -l",
		"timeout 5 systemctl stop x": "systemctl stop x",
		"exec -a n prog":             "n prog",
		"env A=b -i c":               "c",
		"A=b":                        "",
	} {
		name, args := Commands(text)[0].Call()
		if got := strings.TrimSpace(name + " " + strings.Join(args, " ")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzCommands(f *testing.F) {
	f.Add("if a; then b > c; fi | (d) `e` ${f} <<G\nG\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range Commands(text) {
			if c.Line < 1 || c.Line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d of %q", c.Line, text)
			}
			c.Name()
		}
	})
}
