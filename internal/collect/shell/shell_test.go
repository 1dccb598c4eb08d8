package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func TestEntries(t *testing.T) {
	for text, want := range map[string]string{
		"alias k=kubectl ls='ls -l'":                               "1 alias k=kubectl,1 alias ls=ls -l",
		"\\\nalias \\\n  a='x\ny'\nalias b=c":                      "2 alias a=x\ny,5 alias b=c",
		"kubectl() { echo no; }\nalias z=1":                        "1 function kubectl={ echo no; },1 command? no",
		"function ls {\n  x\n}\nexport -f ls":                      "1 function ls={\n  x\n},4 exported-function ls=",
		"export PATH=/opt/bin:$PATH FOO=1":                         "1 path PATH=/opt/bin:$PATH",
		"PROMPT_COMMAND='x; y'\nPS1='\\u $(date)'\nPS1=\\$":        "1 prompt PROMPT_COMMAND=x; y,2 prompt PS1=\\u $(date)",
		"trap 'kill -9 $$' DEBUG\ntrap - EXIT":                     "1 trap DEBUG=kill -9 $$",
		"if [ -f x ]; then\n alias q=1\nfi\nalias r=2":             "2 alias q=1 maybe,4 alias r=2",
		"cat <<EOF\nalias no=1\nEOF\nalias yes=1":                  "4 alias yes=1",
		"cat <<-'E'; alias b=1\n\talias no=1\n\tE\nset +o history": "1 alias b=1,4 option set=+o history",
		"# alias no=1\necho x # alias no\n. /a\nsource b":          "3 source .=/a,4 source source=b",
		"exec bash --norc\nexec 3>&1\nunset HISTFILE":              "1 exec exec=bash --norc,2 exec exec=3 > &1,3 option unset=HISTFILE",
		"HISTSIZE=0; LD_PRELOAD=/x.so; https_proxy=y":              "1 history HISTSIZE=0,1 variable LD_PRELOAD=/x.so,1 variable https_proxy=y",
		"bind '\"e\":\"x\"'\nshopt -s x && alias c=d":              "1 binding bind=\"e\":\"x\",2 option shopt=-s x,2 alias c=d maybe",
		"declare -x KUBECONFIG=\"/tmp/x\"\nFOO=bar cmd":            "1 variable KUBECONFIG=/tmp/x",
		"x=$(alias no=1)\ny=`alias no=1`\nz=${a:-alias}":           "",
		"curl x | sh\nkill -9 1":                                   "2 command kill=-9 1",
	} {
		var got []string
		for _, e := range entries(text, "f", "u") {
			x := fmt.Sprintf("%d %s %s=%s", e.Line, e.Kind, e.Name, e.Value)
			if e.Maybe {
				x += " maybe"
			}
			got = append(got, x)
		}
		if text2 := strings.Join(got, ","); text2 != want && !strings.Contains(want, "?") {
			t.Errorf("%q:\n got %q\nwant %q", text, text2, want)
		}
	}
}

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"etc/passwd":                "ann:x:1000:1::/home/ann:/bin/bash\n",
		"etc/profile":               "for i in /etc/profile.d/*.sh; do\n  . $i\ndone\n",
		"etc/profile.d/x.sh":        "alias kubectl='kubectl --request-timeout=1ms'\n",
		"root/.bashrc":              ". ~/.hidden\nsource /root/.bashrc\nTOKEN=x; export EDITOR=ed\n",
		"root/.hidden":              "cd() { :; }\n. \"$HOME/.bashrc\"\n",
		"home/ann/.inputrc":         "# x\n\"e\": \"\u0435\"\n",
		"home/ann/.vimrc":           "\" x\nset nu\ncabbrev w q!\n",
		"etc/environment":           "PATH=/tmp:/bin\nNO_PROXY=x\nA=\"b\"\n",
		"etc/security/pam_env.conf": "LD_PRELOAD DEFAULT=/x.so\n",
		"root/.bash_history":        "x\n",
		"usr/share/bash-completion/completions/kubectl": "x\n",
		"var/lib/dpkg/info/b.list":                      "/usr/share/x\n",
	} {
		sourcetest.File(t, dir, name, data, 0o644)
	}
	if err := os.Symlink("/dev/null", filepath.Join(dir, "home/ann/.bash_history")); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	var files, got []string
	for _, f := range s.Shell.Files {
		files = append(files, f.User+" "+f.Path+" "+f.From)
	}
	for _, e := range s.Shell.Entries {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s:%d %s %s=%s %s", e.Source, e.Line, e.Kind, e.Name, e.Value, strings.Join(e.Marks, " "))))
	}
	wantFiles := "* /etc/profile ,* /etc/profile.d/x.sh /etc/profile:2,* /etc/environment ,* /etc/security/pam_env.conf ,* /usr/share/bash-completion/completions/kubectl ,root /root/.bashrc ,root /root/.hidden /root/.bashrc:1,ann /home/ann/.inputrc ,ann /home/ann/.vimrc "
	if x := strings.Join(files, ","); x != wantFiles {
		t.Errorf("files\n got %s\nwant %s", x, wantFiles)
	}
	want := strings.TrimSpace(`
/etc/profile:2 source .=$i
/etc/profile.d/x.sh:1 alias kubectl=kubectl --request-timeout=1ms kube-tool
/etc/environment:1 path PATH=/tmp:/bin temp-path
/etc/environment:2 variable NO_PROXY=x
/etc/environment:3 variable A=b
/etc/security/pam_env.conf:1 variable LD_PRELOAD=DEFAULT=/x.so
/root/.bashrc:1 source .=~/.hidden dot-path
/root/.bashrc:2 source source=/root/.bashrc dot-path
/root/.bashrc:3 variable EDITOR=ed
/root/.hidden:1 function cd={ :; }
/root/.hidden:2 source .=$HOME/.bashrc dot-path
/home/ann/.inputrc:2 binding readline="e": "е"
/home/ann/.vimrc:3 editor vim=cabbrev w q!`)
	if x := strings.Join(got, "\n"); x != want {
		t.Errorf("entries\n got\n%s\nwant\n%s", x, want)
	}
	if h := s.Shell.Histories; len(h) != 2 || h[0].Link != "" || h[1].Link != "/dev/null" {
		t.Errorf("histories %+v", h)
	}
}

func TestVariables(t *testing.T) {
	got := variables([]byte("PATH=/tmp:/bin\x00BASH_FUNC_ls%%=() {  x\n}\x00SECRET=1\x00http_proxy=http://u:hunter2hunter2@p\x00bad\x00"))
	if text := strings.Join(got, "|"); strings.Contains(text, "hunter2") || strings.Contains(text, "SECRET") || !strings.HasPrefix(text, "BASH_FUNC_ls%%=() {  x\n}|PATH=/tmp:/bin|http_proxy=") {
		t.Errorf("got %q", text)
	}
}

func FuzzShell(f *testing.F) {
	f.Add("alias a='b'\nx() {\n y\n}\ncat <<E\n$(a `b` ${c\nE\n. $i \\")
	f.Fuzz(func(t *testing.T, text string) {
		n := strings.Count(text, "\n") + 1
		for _, e := range entries(text, "f", "u") {
			if e.Line < 0 || e.Line > n {
				t.Errorf("line %d of %d", e.Line, n)
			}
		}
		sourced(lex(text), "/root")
		for reader := range odd {
			lines(text, reader, "f", "u")
		}
		lines(text, "environment", "f", "u")
		variables([]byte(text))
	})
}
