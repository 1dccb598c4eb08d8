package trust

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// Aliases and functions that people write for themselves, and those that lead
// astray. An alias is written as NAME=VALUE.
func TestOverridden(t *testing.T) {
	for _, tt := range []struct {
		kind, name, value string
		want              string // within the summary; "" for none
	}{
		{"alias", "k", "kubectl", ""},
		{"alias", "kubectl", "kubecolor", ""},
		{"alias", "kubectl", "k3s kubectl", ""},
		{"alias", "kubectl", "minikube kubectl --", ""},
		{"alias", "kubectl", "kubectl --kubeconfig /etc/kubernetes/admin.conf", ""},
		{"alias", "kubectl", "sudo kubectl", ""},
		{"alias", "ctr", "ctr -n k8s.io", ""},
		{"alias", "etcdctl", "ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/x", ""},
		{"alias", "ls", "ls --color=auto", ""},
		{"alias", "ls", "exa -l", ""},
		{"alias", "rm", "rm -i", ""},
		{"alias", "vi", "vim", ""},
		{"alias", "docker", "podman", ""},
		{"alias", "sudo", "sudo ", ""},
		{"alias", "mount", "mount | column -t", ""},
		{"alias", "which", "(alias; declare -f) | /usr/bin/which --tty-only --read-alias $@", ""},
		{"alias", "iptables", "iptables -w", ""},
		{"alias", "kubectl", "kubectl --dry-run=client", "adds --dry-run"},
		{"alias", "kubectl", "/var/tmp/.k/kubectl", "does not run kubectl"},
		{"alias", "kubectl", "echo", "does not run kubectl"},
		{"alias", "kubectl", "true", "does not run kubectl"},
		{"alias", "systemctl", "systemctl --user", "adds --user"},
		{"alias", "journalctl", "journalctl -D /var/empty", "adds -D"},
		{"alias", "journalctl", "journalctl | grep -v error", "goes through grep -v error"},
		{"alias", "ls", "ls $@ | grep -v secret", "goes through grep -v secret"},
		{"alias", "cat", "cat /dev/null; :", "does not run cat"},
		{"alias", "crictl", "crictl ps; true", "does not run crictl"},

		{"function", "kubectl", "{ command kubectl \"$@\"; }", ""},
		{"function", "kubectl", "{\n  if ! type __start_kubectl >/dev/null 2>&1; then\n    source <(command kubectl completion bash)\n  fi\n  command kubectl \"$@\"\n}", ""},
		{"function", "kubectl", "{ if [[ $1 == delete ]]; then read -p 'sure? ' x; [[ $x == y ]] || return 1; fi; command kubectl \"$@\"; }", ""},
		{"function", "cd", "{ builtin cd \"$@\" && ls; }", ""},
		{"function", "ls", "{ exa \"$@\"; }", ""},
		{"function", "sudo", "{ /usr/bin/sudo -E $@; }", ""},
		{"function", "mine", "{ rm -rf /; }", ""},
		{"function", "kubectl", "{ echo 'connection refused'; return 1; }", "does not run kubectl"},
		{"function", "kubectl", "{ if [[ \"$*\" == *edit* ]]; then return 0; fi; command kubectl \"$@\"; }", "for some of"},
		{"function", "kubectl", "{ case \"$1\" in apply|edit) echo 'error: timed out';; *) /usr/bin/kubectl \"$@\";; esac; }", "for some of"},
		{"function", "systemctl", "{ command systemctl \"$@\" | grep -v failed; }", "goes through grep -v failed"},
		{"function", "ps", "{ /bin/ps \"$@\" | awk '!/x/'; }", "goes through awk"},
		{"function", "cd", "{ :; }", "does not run cd"},

		{"option", "hash", "-p /usr/local/bin/kubectl kubectl", ""},
		{"option", "hash", "-r", ""},
		{"option", "hash", "-p /opt/x/y kubectl", "runs /opt/x/y"},
		{"option", "enable", "-f /opt/x.so cd", "loads it from"},
		{"option", "shopt", "-s histappend", ""},
	} {
		s := &snapshot.Snapshot{Shell: &snapshot.Shell{Entries: []snapshot.ShellEntry{{Kind: tt.kind, Name: tt.name, Value: tt.value, Source: "/root/.bashrc", Line: 7}}}}
		got := Overridden(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s %s=%s: got %+v, want %q", tt.kind, tt.name, tt.value, got, tt.want)
		}
		s.Shell.Entries[0].Own = true
		if got := Overridden(s); len(got) > 0 {
			t.Errorf("%s %s=%s: a package's own line: %+v", tt.kind, tt.name, tt.value, got)
		}
	}
}

func TestOverriddenOtherwise(t *testing.T) {
	s := &snapshot.Snapshot{Shell: &snapshot.Shell{
		Entries: []snapshot.ShellEntry{
			{Kind: "function", Name: "_run", Value: "{ date; }", Source: "/root/.bashrc", Line: 1},
			{Kind: "alias", Name: "kubectl", Value: "_run", Source: "/root/.bashrc", Line: 2},
			{Kind: "alias", Name: "vi", Value: "_vi", Source: "/etc/profile.d/vim.sh", Line: 2},
		},
		Running: []snapshot.Environ{{PID: 7, Name: "bash", Variables: []string{
			"BASH_FUNC_which%%=() {  ( alias; eval ${which_declare} ) | /usr/bin/which --tty-only $@\n}",
			"BASH_FUNC_crictl%%=() {  echo 'no such host'\n}", "PATH=/bin",
		}}},
	}}
	got := Overridden(s)
	if len(got) != 2 || got[0].Subject.Name != "kubectl" || got[1].Subject.Name != "crictl" || got[1].Facts[0].Source != "/proc/7/environ" {
		t.Errorf("got %+v", got)
	}
}

func TestReplaced(t *testing.T) {
	elf := func(p, pkg, sum, sha string) snapshot.Binary {
		return snapshot.Binary{Path: p, Package: pkg, PackageSum: sum, SHA256: sha, ELF: true, Size: 9, Mode: 0o755}
	}
	script := snapshot.Binary{Path: "/usr/local/bin/kubectl", Script: "/bin/sh", Size: 9, Mode: 0o755}
	off := elf("/usr/bin/ss", "iproute2", "same", "")
	off.Mode = 0o644
	empty := snapshot.Binary{Path: "/usr/local/sbin/crictl", Mode: 0o755}
	body := func(text string) *snapshot.Text {
		return &snapshot.Text{Path: script.Path, Content: "#!/bin/sh\n" + text}
	}
	for name, tt := range map[string]struct {
		tool snapshot.Tool
		want string
	}{
		"package's":             {snapshot.Tool{Name: "ps", Hits: []snapshot.Binary{elf("/usr/bin/ps", "procps", "same", "")}}, ""},
		"no package":            {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{elf("/usr/local/bin/kubectl", "", "", "")}}, ""},
		"not there":             {snapshot.Tool{Name: "crictl"}, ""},
		"two versions":          {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{elf("/usr/local/bin/kubectl", "", "", "a"), elf("/usr/bin/kubectl", "kubectl", "same", "b")}}, ""},
		"built anew":            {snapshot.Tool{Name: "openssl", Hits: []snapshot.Binary{elf("/usr/local/bin/openssl", "", "", "a"), elf("/usr/bin/openssl", "openssl", "same", "b")}}, ""},
		"changed":               {snapshot.Tool{Name: "ps", Hits: []snapshot.Binary{elf("/usr/bin/ps", "procps", "differs", "")}}, "not those that package"},
		"core, another":         {snapshot.Tool{Name: "ps", Hits: []snapshot.Binary{elf("/usr/local/bin/ps", "", "", "a"), elf("/usr/bin/ps", "procps", "same", "b")}}, "comes before /usr/bin/ps"},
		"core, its only one":    {snapshot.Tool{Name: "grep", Hits: []snapshot.Binary{elf("/usr/local/bin/grep", "", "", "a"), elf("/usr/bin/grep", "grep", "same", "b")}}, ""},
		"wrapper":               {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{script}, Body: body("exec minikube kubectl -- \"$@\"\n")}, ""},
		"shim":                  {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{script}, Body: body("# asdf-plugin: kubectl 1.30\nexec /root/.asdf/bin/asdf exec \"kubectl\" \"$@\"\n")}, ""},
		"script":                {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{script}, Body: body("echo 'Unable to connect'\nexit 1\n")}, "does not run kubectl"},
		"script, not read":      {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{script}}, "script run by /bin/sh"},
		"no run bit":            {snapshot.Tool{Name: "ss", Hits: []snapshot.Binary{off}}, "no run bit (mode 0644)"},
		"no run bit, then one":  {snapshot.Tool{Name: "ss", Hits: []snapshot.Binary{off, elf("/usr/sbin/ss", "iproute2", "same", "")}}, ""},
		"empty":                 {snapshot.Tool{Name: "crictl", Hits: []snapshot.Binary{empty}}, "it is empty"},
		"hidden":                {snapshot.Tool{Name: "crictl", Hits: []snapshot.Binary{elf("/var/tmp/bin/crictl", "", "", "")}}, "where no program belongs"},
		"in a manager's folder": {snapshot.Tool{Name: "helm", Hits: []snapshot.Binary{elf("/root/.local/bin/helm", "", "", "")}}, ""},
		"foreign":               {snapshot.Tool{Name: "helm", Hits: []snapshot.Binary{elf("/usr/local/bin/foreign", "", "", "")}}, "another machine"},
		"is another":            {snapshot.Tool{Name: "crictl", Hits: []snapshot.Binary{elf("/usr/local/bin/isctr", "", "", "")}}, "a build of github.com/containerd"},
		"multi-call":            {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{elf("/usr/local/bin/k3s", "", "", "")}}, ""},
		"no Go":                 {snapshot.Tool{Name: "kubectl", Hits: []snapshot.Binary{elf("/usr/local/bin/c", "", "", "")}}, "without Go's"},
		"crun":                  {snapshot.Tool{Name: "runc", Hits: []snapshot.Binary{elf("/usr/local/bin/c", "", "", "")}}, ""},
	} {
		others := []snapshot.Tool{tt.tool, {Name: "top", Hits: []snapshot.Binary{elf("/usr/bin/top", "procps", "same", "c")}}}
		s := &snapshot.Snapshot{Trust: &snapshot.Trust{Tools: others}, Programs: &snapshot.Programs{List: []snapshot.Program{
			{Binary: snapshot.Binary{Path: "/usr/local/bin/foreign"}, Type: "exec", Machine: "aarch64", Foreign: true},
			{Binary: snapshot.Binary{Path: "/usr/local/bin/isctr"}, Type: "exec", Go: &snapshot.GoBuild{Path: "github.com/containerd/containerd/v2/cmd/ctr"}},
			{Binary: snapshot.Binary{Path: "/usr/local/bin/k3s"}, Type: "exec", Go: &snapshot.GoBuild{Path: "github.com/k3s-io/k3s/cmd/server"}},
			{Binary: snapshot.Binary{Path: "/usr/local/bin/c"}, Type: "dyn"},
		}}}
		got := Replaced(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: got %+v, want %q", name, got, tt.want)
		}
	}
}

// Who builds a package anew has all of its commands in one folder.
func TestBuiltAnew(t *testing.T) {
	tool := func(name, dir string) snapshot.Tool {
		t := snapshot.Tool{Name: name, Hits: []snapshot.Binary{{Path: "/usr/bin/" + name, Package: "procps", PackageSum: "same", SHA256: "b" + name, ELF: true, Size: 9, Mode: 0o755}}}
		if dir != "" {
			t.Hits = append([]snapshot.Binary{{Path: dir + name, SHA256: "a" + name, ELF: true, Size: 9, Mode: 0o755}}, t.Hits...)
		}
		return t
	}
	for _, tt := range []struct {
		ps, top string
		want    int
	}{{"/usr/local/bin/", "/usr/local/bin/", 0}, {"/usr/local/bin/", "", 1}, {"/usr/local/bin/", "/opt/x/", 2}, {"", "", 0}} {
		s := &snapshot.Snapshot{Trust: &snapshot.Trust{Tools: []snapshot.Tool{tool("ps", tt.ps), tool("top", tt.top)}}}
		if got := Replaced(s); len(got) != tt.want {
			t.Errorf("%+v: got %+v", tt, got)
		}
	}
}

// A prompt does what the functions do that it calls, and not what those do
// whose names are letters of it.
func TestPromptsFunctions(t *testing.T) {
	for prompt, want := range map[string]bool{"stop_it": true, "history -a; stop_it": true, "$(stop_it)\\$ ": true, "history -a": false, "nonstop_item": false} {
		s := &snapshot.Snapshot{Shell: &snapshot.Shell{Entries: []snapshot.ShellEntry{
			{Kind: "function", Name: "stop_it", Value: "{ systemctl stop kubelet; }", Source: "/root/.bashrc", Line: 1},
			{Kind: "function", Name: "s", Value: "{ kubectl delete pod \"$1\"; }", Source: "/root/.bashrc", Line: 2},
			{Kind: "prompt", Name: "PROMPT_COMMAND", Value: prompt, Source: "/root/.bashrc", Line: 3},
		}}}
		if got := Hooked(s); (len(got) > 0) != want {
			t.Errorf("%s: got %+v", prompt, got)
		}
	}
}

// A long script that does the same thing again and again is judged once.
func TestManyDeeds(t *testing.T) {
	s := &snapshot.Snapshot{
		Systemd: &snapshot.Systemd{Units: []snapshot.Unit{{Name: "kubelet.service", Active: "active"}}},
		Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Kind: "cron", Source: "/etc/cron.d/x", Line: 1, Enabled: true,
			Command: "/x", Scripts: []snapshot.Text{{Path: "/x", Content: strings.Repeat("systemctl stop kubelet\n", 2000) + "systemctl start kubelet\n"}}}}},
	}
	got := testing.AllocsPerRun(1, func() {
		if got := Undoings(s); len(got) > 0 {
			t.Errorf("got %+v", got)
		}
	})
	if got > 1e6 {
		t.Errorf("%.0f allocations", got)
	}
}
