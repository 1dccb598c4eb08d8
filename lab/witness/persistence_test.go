package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// plants are files that run something by themselves, or nothing until they
// are enabled, and the kind and line under which each must be found. The first
// word of a text that is "#!" makes its file executable.
var plants = []struct {
	file, text, kind string
	line             int
}{
	{"/etc/cron.d/klustered-witness", "# x\n0 0 1 1 * root /bin/true\n", "cron.d", 2},
	{"/etc/systemd/system/klustered-witness.timer", "[Timer]\nOnCalendar=2099-01-01\n", "timer", 2},
	{"/etc/systemd/user/klustered-witness.service", "[Service]\nExecStart=/bin/true\n", "user-service", 2},
	{"/etc/udev/rules.d/99-klustered-witness.rules", "# x\nACTION==\"none\", RUN+=\"/bin/true\"\n", "udev", 2},
	{"/etc/profile.d/klustered-witness.sh", "true\nalias klusteredwitness=true\n", "profile", 0},
	{"/etc/apt/apt.conf.d/99klustered-witness", "// x\nDPkg::Post-Invoke { \"/bin/true\"; };\n", "apt", 2},
	{"/etc/tmpfiles.d/klustered-witness.conf", "# x\nf /etc/klustered-witness-none 0644 root root - x\n", "tmpfiles", 2},
	{"/etc/logrotate.d/klustered-witness", "/var/log/klustered-witness-none {\n postrotate\n /bin/true\n endscript\n}\n", "logrotate", 2},
	{"/etc/kernel/postinst.d/klustered-witness", "#!/bin/sh\n", "boot-hook", 0},
	{"/etc/update-motd.d/99-klustered-witness", "#!/bin/sh\n", "motd", 0},
}

// testPersistence plants a thing of each kind, collects again, and takes it
// away. What was there before must be what dpkg, cron and at show.
func testPersistence(ctx context.Context, t *testing.T, n Node) {
	if n.Snapshot.Persistence == nil {
		t.Fatal("not collected")
	}
	var names []string
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := n.Exec(ctx, "bash", "-c", "rm -f "+strings.Join(names, " ")+"; for j in $(atq | awk '$6 == \"q\" || $7 == \"q\" {print $1}'); do atrm $j; done"); err != nil {
			t.Error(err)
		}
	})
	for _, p := range plants {
		names = append(names, p.file)
		script := fmt.Sprintf("mkdir -p $(dirname %[1]s); printf '%%s' %[2]q | sed 's/\\\\n/\\n/g; s/\\\\\"/\"/g' > %[1]s", p.file, p.text)
		if strings.HasPrefix(p.text, "#!") {
			script += "; chmod +x " + p.file
		}
		if _, err := n.Exec(ctx, "bash", "-c", script); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Exec(ctx, "bash", "-c", "echo true | at -q q 04:05 2099-02-03 2>&1"); err != nil {
		t.Fatal(err)
	}
	seen, err := Collect(ctx, n.Node, binary)
	if err != nil {
		t.Fatal(err)
	}
	list := seen.Snapshot.Persistence.Entries
	for _, p := range plants {
		if !slices.ContainsFunc(list, func(x snapshot.Persistent) bool { return x.Source == p.file && x.Kind == p.kind && x.Line == p.line }) {
			t.Errorf("%s: not found as %s at line %d", p.file, p.kind, p.line)
		}
	}
	if !slices.ContainsFunc(list, func(x snapshot.Persistent) bool {
		return x.Kind == "at" && x.Command == "true" && x.At.UTC().Format("2006-01-02 15:04") == "2099-02-03 04:05"
	}) {
		t.Error("the at job was not found with its time and its command")
	}
	if s := seen.Snapshot.Shell; s == nil || !slices.ContainsFunc(s.Entries, func(x snapshot.ShellEntry) bool {
		return x.Kind == "alias" && x.Name == "klusteredwitness" && x.Source == "/etc/profile.d/klustered-witness.sh" && x.Line == 2
	}) {
		t.Error("the alias was not found with its file and line")
	}
	testChanged(ctx, t, n, list)
}

// testChanged compares the files of packages that are said to differ with
// dpkg --verify.
func testChanged(ctx context.Context, t *testing.T, n Node, list []snapshot.Persistent) {
	lines, err := n.Lines(ctx, "dpkg --verify 2>/dev/null | awk '$1 ~ /5/ {print $NF}'; true")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		shown := slices.Contains(lines, x.Source) || slices.Contains(lines, strings.TrimPrefix(x.Source, "/usr"))
		if x.Package != "" && x.Package != "base-files" && (x.Sum == "differs") != shown {
			t.Errorf("%s of %s: sum %q, dpkg --verify shows a difference: %v", x.Source, x.Package, x.Sum, shown)
		}
	}
}
