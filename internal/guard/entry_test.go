package guard

import (
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/snapshot"
)

// TestEntries: what a process descends from is its entry; what only names the
// file is one perhaps, and none where there is a better one.
func TestEntries(t *testing.T) {
	s := &snapshot.Snapshot{Node: "cp1", Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/etc/kubernetes/manifests/m.yaml"}, Name: "agent", Namespace: "kube-system"}}},
		Cluster: &snapshot.Cluster{Pods: []snapshot.Pod{{Namespace: "a", Name: "b-1", Owner: "DaemonSet/b"}}}, Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{
			{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 3, Text: "* * * * * root sh -c 'echo a > /etc/hosts'", Command: "sh -c 'echo a > /etc/hosts'"},
			{Kind: "timer", Source: "/etc/systemd/system/y.timer", Command: "/usr/local/bin/y", Unit: "y.service"},
			{Kind: "service", Source: "/etc/systemd/system/z.service", Command: "/opt/z --loop", Unit: "z.service"},
			{Kind: "service", Source: "/usr/lib/systemd/system/debug-shell.service", Command: "/bin/bash", Unit: "debug-shell.service"},
			{Kind: "service", Source: "/usr/lib/systemd/system/cron.service", Command: "/usr/sbin/cron -f", Unit: "cron.service"},
			{Kind: "cron.d", Source: "/etc/cron.d/copies", Line: 1, Command: "cp /root/hosts /etc/motd"},
			{Kind: "cron.d", Source: "/etc/cron.d/twice", Line: 1, Command: "/opt/twice now"},
			{Kind: "cron.d", Source: "/etc/cron.d/twice", Line: 2, Command: "/opt/twice now"},
			{Kind: "cron.d", Source: "/etc/cron.d/stops", Line: 1, Command: "systemctl stop kubelet"},
			{Kind: "profile", Source: "/etc/profile.d/p.sh", Command: "echo x > /etc/hosts"},
			{Kind: "profile", Source: "/etc/profile.d/k.sh", Command: "/etc/profile.d/k.sh", Scripts: []snapshot.Text{{Path: "/etc/profile.d/k.sh"}}},
			{Kind: "cron.d", Source: "/etc/cron.d/sync", Line: 1, Command: "cp /opt/k.sh /etc/profile.d/k.sh"},
			{Kind: "at", Source: "/var/spool/cron/atjobs/a1", Command: "echo x > /etc/passwd"},
			{Kind: "cron.d", Source: "/etc/cron.d/grows", Line: 1, Command: "echo y >> /etc/passwd"},
			{Kind: "service", Source: "/etc/systemd/system/far.service", Command: "/opt/far", Unit: "far.service"},
			{Kind: "service", Source: "/etc/systemd/system/near.service", Command: "/opt/near", Unit: "near.service"},
		}}}
	found := []finding.Finding{{Fault: "persistence/reapplied", Facts: []finding.Fact{{Source: "/etc/systemd/system/y.timer"}}}}
	args := func(a ...string) proc.Process { return proc.Process{Name: "x", Exe: a[0], Args: a} }
	bash := proc.Process{Name: "bash", Exe: "/usr/bin/bash", Args: []string{"/bin/bash"}}
	cron := proc.Process{Name: "cron", Exe: "/usr/sbin/cron", Args: []string{"/usr/sbin/cron", "-f"}, Unit: "cron.service"}
	for _, c := range []struct {
		name    string
		kind    string
		what    string
		hand    Hand
		sources []string
		sure    bool
		fix     string
	}{
		{"names the file", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "x"}, Known: true}, []string{"/etc/cron.d/x", "/etc/profile.d/p.sh"}, false, ""},
		{"a shell of a login", "file", "/etc/hosts", Hand{Process: args("/usr/bin/bash", "-l", "-c", "true"), Known: true}, []string{"/etc/profile.d/p.sh"}, true, ""},
		{"a login", "file", "/etc/hosts", Hand{Process: args("-bash"), Known: true}, []string{"/etc/profile.d/p.sh"}, true, ""},
		{"a shell that reads its input", "file", "/etc/passwd", Hand{Process: args("/bin/sh"), Known: true}, []string{"/var/spool/cron/atjobs/a1"}, false, ""},
		{"a shell that reads its profile or its input", "file", "/etc/hosts", Hand{Process: args("/bin/sh"), Known: true}, []string{"/etc/profile.d/p.sh"}, false, ""},
		{"a shell of a command", "file", "/etc/hosts", Hand{Process: args("/bin/sh", "-c", "tidy -l"), Known: true}, []string{"/etc/cron.d/x", "/etc/profile.d/p.sh"}, false, ""},
		{"command of an ancestor", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "sh"}, Lineage: []proc.Process{args("/bin/sh", "-c", "sh -c 'echo a > /etc/hosts'"), cron}, Known: true}, []string{"/etc/cron.d/x"}, true, ""},
		{"script of an ancestor", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "y"}, Lineage: []proc.Process{args("/bin/bash", "/usr/local/bin/y")}, Known: true}, []string{"/etc/systemd/system/y.timer"}, true, "persistence/reapplied"},
		{"unit", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "q", Unit: "z.service"}, Known: true}, []string{"/etc/systemd/system/z.service"}, true, ""},
		{"ended unread, of a known parent", "file", "/etc/x", Hand{Process: proc.Process{PID: 9, PPID: 8}, Lineage: []proc.Process{args("/opt/near")}}, []string{"/etc/systemd/system/near.service"}, true, ""},
		{"not known for sure", "file", "/etc/x", Hand{Candidates: []proc.Process{{Name: "q", Unit: "z.service"}}}, []string{"/etc/systemd/system/z.service"}, false, ""},
		{"a shell is no entry's", "file", "/etc/x", Hand{Process: args("/usr/bin/vi", "/etc/x"), Lineage: []proc.Process{bash}, Known: true}, nil, false, ""},
		{"the same file as an argument", "file", "/etc/motd", Hand{Process: args("/usr/bin/sed", "-i", "s/a/b/", "/etc/motd"), Known: true}, []string{"/etc/cron.d/copies"}, false, ""},
		{"the file of another entry", "file", "/etc/profile.d/k.sh", Hand{Process: args("/usr/bin/cp", "/opt/k.sh", "/etc/profile.d/k.sh"), Lineage: []proc.Process{args("/bin/sh", "-c", "cp /opt/k.sh /etc/profile.d/k.sh"), cron}, Known: true}, []string{"/etc/cron.d/sync"}, true, ""},
		{"part of a command", "file", "/etc/x", Hand{Process: args("/opt/zz", "/opt/z --loopback"), Known: true}, nil, false, ""},
		{"cron's unit says nothing", "file", "/etc/x", Hand{Process: proc.Process{Name: "q", Unit: "cron.service"}, Known: true}, nil, false, ""},
		{"two of one command", "file", "/etc/x", Hand{Process: args("/opt/twice", "now"), Known: true}, []string{"/etc/cron.d/twice", "/etc/cron.d/twice"}, false, ""},
		{"the nearest", "file", "/etc/x", Hand{Process: proc.Process{Name: "q"}, Lineage: []proc.Process{args("/opt/near"), args("/opt/far")}, Known: true}, []string{"/etc/systemd/system/near.service"}, true, ""},
		{"a unit without a hand", "unit", "kubelet.service", Hand{}, []string{"/etc/cron.d/stops"}, false, ""},
		{"a static pod", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "q", Pod: "kube-system/agent-cp1"}, Lineage: []proc.Process{{Unit: "z.service"}}, Known: true}, []string{"/etc/kubernetes/manifests/m.yaml"}, true, ""},
		{"a pod that is owned", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "q", Pod: "a/b-1"}, Known: true}, []string{"a/b-1"}, true, ""},
		{"a pod without a name", "file", "/etc/x", Hand{Process: proc.Process{Name: "q", Pod: "9a985520-c5a3"}, Known: true}, nil, false, ""},
		{"a job of at", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "sh", Args: []string{"sh"}, Unit: "atd.service"}, Known: true}, []string{"/var/spool/cron/atjobs"}, true, ""},
		{"cron, and names the file", "file", "/etc/hosts", Hand{Process: proc.Process{Name: "sh", Unit: "cron.service"}, Known: true}, []string{"/etc/cron.d/x"}, false, ""},
		{"another file", "file", "/etc/host", Hand{}, nil, false, ""},
	} {
		got := Entries(s, found, Deed{Kind: c.kind, What: c.what, Hand: c.hand})
		ok := len(got) == len(c.sources)
		for i := range min(len(got), len(c.sources)) {
			ok = ok && got[i].Source == c.sources[i] && got[i].Sure == c.sure && got[i].Fix == c.fix
		}
		if !ok {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestSays(t *testing.T) {
	const command = "cp /opt/a /etc/b"
	for _, c := range []struct {
		args []string
		want bool
	}{
		{[]string{"cp", "/opt/a", "/etc/b"}, true},
		{[]string{"/bin/sh", "-c", command}, true},
		{[]string{"/bin/bash", "-lc", "cp  /opt/a  /etc/b", "name"}, true},
		{[]string{"timeout", "60", "cp", "/opt/a", "/etc/b"}, true},
		{[]string{"nice", "-n", "19", "cp", "/opt/a", "/etc/b"}, true},
		{[]string{"/bin/sh", command}, true},
		{[]string{"logger", command}, false},
		{[]string{"cp", "/opt/a", "/etc/b", "/etc/c"}, false},
		{[]string{"grep", "cp", "/opt/a", "/etc/b"}, false},
		{[]string{"/bin/sh", "-c"}, false},
		{nil, false},
	} {
		if got := says(c.args, command); got != c.want {
			t.Errorf("%q: %v", c.args, got)
		}
	}
	if says([]string{"rm", "/etc/b.sh"}, "/etc/b.sh") || !says([]string{"/bin/sh", "-e", "/etc/b.sh"}, "/etc/b.sh") || says([]string{"/bin/bash"}, "/bin/bash") {
		t.Error("a file that is an argument is taken for the program, or a script is not")
	}
}
