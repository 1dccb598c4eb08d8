package shellhook

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func entry(kind, name, value string) snapshot.ShellEntry {
	return snapshot.ShellEntry{Kind: kind, Name: name, Value: value, Source: "/root/.bashrc", Line: 3, User: "root"}
}

func TestDetect(t *testing.T) {
	functions := []snapshot.ShellEntry{
		entry("function", "__vte_prompt", "{ printf '\\033]777;x'; }"),
		entry("function", "_kube_ps1", "{ local c; c=$(kubectl config current-context 2>/dev/null); echo $c; }"),
		entry("function", "_guard", "{ [ -f /etc/x ] || systemctl stop kubelet; }"),
	}
	for _, tt := range []struct {
		e    snapshot.ShellEntry
		want string
	}{
		{entry("prompt", "PROMPT_COMMAND", "history -a; history -n"), ""},
		{entry("prompt", "PROMPT_COMMAND", "__vte_prompt"), ""},
		{entry("prompt", "PS1", `\u@\h $(_kube_ps1)\$ `), ""},
		{entry("prompt", "PROMPT_COMMAND", `RETRN_VAL=$?;logger -p local6.debug "$(whoami) [$$]: $(history 1 | sed "s/^[ ]*[0-9]\+[ ]*//")"`), ""},
		{entry("prompt", "PROMPT_COMMAND", `echo "$(date) $(history 1)" >> ~/.bash_eternal_history`), ""},
		{entry("prompt", "PROMPT_COMMAND", "_guard"), "stop kubelet"},
		{entry("prompt", "PROMPT_COMMAND", "rm -f /etc/cni/net.d/10-calico.conflist"), "remove /etc/cni"},
		{entry("prompt", "PS1", "$(iptables -A INPUT -j DROP)\\$ "), "iptables"},
		{entry("prompt", "PROMPT_COMMAND", "sleep 5"), "sleep 5"},
		{entry("trap", "DEBUG", `__bp_preexec_invoke_exec "$_"`), ""},
		{entry("trap", "EXIT", "rm -rf \"$TMPDIR\""), ""},
		{entry("trap", "EXIT", "systemctl mask kubelet"), "mask kubelet"},
		{entry("variable", "TMOUT", "900"), ""},
		{entry("variable", "TMOUT", "10"), "idle for 10 s"},
		{entry("variable", "EDITOR", "vim"), ""},
		{entry("variable", "KUBE_EDITOR", "code --wait"), ""},
		{entry("variable", "KUBE_EDITOR", "/bin/true"), "no editor"},
		{entry("variable", "KUBE_EDITOR", "sed -i s/a/b/"), "no editor"},
		{entry("variable", "SYSTEMD_PAGER", "cat"), ""},
		{entry("variable", "PAGER", "less -R"), ""},
		{entry("variable", "SYSTEMD_PAGER", "grep -v kubelet"), "leaves things out"},
		{entry("variable", "KUBECONFIG", "/etc/kubernetes/admin.conf"), ""},
		{entry("variable", "KUBECONFIG", "$HOME/.kube/config:/root/.kube/other"), ""},
		{entry("variable", "KUBECONFIG", "/etc/rancher/k3s/k3s.yaml:/nowhere"), "no kubeconfig"},
		{entry("variable", "KUBECONFIG", "/dev/null"), "no kubeconfig"},
		{entry("path", "PATH", "/opt/x/bin:$PATH"), ""},
		{entry("path", "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"), ""},
		{entry("path", "PATH", "/usr/games"), "out of the search path"},
		{entry("option", "set", "-o vi"), ""},
		{entry("option", "set", "-e"), "first command that fails"},
		{entry("option", "stty", "-ixon"), ""},
		{entry("option", "stty", "-echo"), "cannot be typed into"},
		{entry("binding", "readline", `"\e[A": history-search-backward`), ""},
		{entry("binding", "bind", `'" ": magic-space'`), ""},
		{entry("binding", "readline", `"k": "l"`), `the key "k"`},
		{entry("editor", "vim", "cnoreabbrev Wq wq"), ""},
		{entry("editor", "vim", "cabbrev w q!"), "in the place of"},
		{entry("editor", "vim", "autocmd BufWritePre * %s/\\s\\+$//e"), ""},
		{entry("editor", "vim", "au BufWritePost *.yaml !systemctl stop kubelet"), "stop kubelet"},
	} {
		s := &snapshot.Snapshot{
			Shell:       &snapshot.Shell{Entries: append([]snapshot.ShellEntry{tt.e}, functions...)},
			Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Text: snapshot.Text{Path: "/etc/kubernetes/admin.conf"}}, {Text: snapshot.Text{Path: "/root/.kube/config"}}}},
		}
		got := detect(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s %s=%s: got %+v, want %q", tt.e.Kind, tt.e.Name, tt.e.Value, got, tt.want)
		}
		s.Shell.Entries[0].Own = true
		if got := detect(s); len(got) > 0 {
			t.Errorf("a package's own line: %+v", got)
		}
	}
}

func TestCommon(t *testing.T) {
	const rc = "HISTCONTROL=ignoreboth\nshopt -s histappend\nHISTSIZE=100000\nPS1='\\u@\\h:\\w\\$ '\nexport EDITOR=vim KUBE_EDITOR='code --wait'\nPROMPT_COMMAND='history -a'\nexport PATH=$PATH:/root/.krew/bin\nreadonly TMOUT=600\n"
	m := faulttest.New(t, faulttest.File("/root/.bashrc", op.File{Data: []byte(rc), Mode: 0o644}))
	if got := detect(m.Snapshot()); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}

// A profile for all nodes names a kubeconfig that a worker does not have.
func TestWorker(t *testing.T) {
	e := entry("variable", "KUBECONFIG", "/etc/kubernetes/admin.conf")
	e.User = "*"
	s := &snapshot.Snapshot{
		Shell:       &snapshot.Shell{Entries: []snapshot.ShellEntry{e}},
		Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Text: snapshot.Text{Path: "/etc/kubernetes/kubelet.conf"}}}},
	}
	if got := detect(s); len(got) > 0 {
		t.Errorf("got %+v", got)
	}
}
