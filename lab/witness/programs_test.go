package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// testPrograms compares owners with dpkg -S, sums with dpkg -V, and what runs
// with the links of /proc.
func testPrograms(ctx context.Context, t *testing.T, n Node) {
	all := n.Snapshot.Programs
	if all == nil || all.Packages != "dpkg" {
		t.Fatalf("%+v", all)
	}
	changed, err := n.Lines(ctx, `dpkg -V | awk '$1 ~ /^..5/ {print $NF}'`)
	if err != nil {
		t.Fatal(err)
	}
	owners, err := n.Lines(ctx, `cd /var/lib/dpkg/info && for f in *.list; do sed "s|^|${f%.list} |" "$f"; done | sed -E 's# /(s?bin|lib|lib64)/# /usr/\1/#'`)
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]string{}
	for _, line := range owners {
		name, file, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, ":")
		owner[file] = name
	}
	runs := map[int]string{}
	for _, p := range all.List {
		for _, pid := range p.PIDs {
			runs[pid] = p.Path
		}
		if p.Container != "" {
			continue
		}
		name := p.Path
		if p.Target != "" {
			name = p.Target
		}
		for _, dir := range []string{"/bin/", "/sbin/", "/lib/", "/lib64/"} {
			if strings.HasPrefix(name, dir) {
				name = "/usr" + name
			}
		}
		if want := owner[name]; p.Package != want {
			t.Errorf("%s: package %q, dpkg says %q", name, p.Package, want)
		}
		if p.PackageSum == "differs" != slices.Contains(changed, name) {
			t.Errorf("%s: its sum %q, dpkg -V says %q", name, p.PackageSum, changed)
		}
		if p.Error != "" || p.Foreign || p.Deleted {
			t.Errorf("%+v", p)
		}
	}
	testExecutables(ctx, t, n, runs)
}

// testExecutables compares the programs of the host's services and of the
// control plane with /proc/PID/exe.
func testExecutables(ctx context.Context, t *testing.T, n Node, runs map[int]string) {
	lines, err := n.Lines(ctx, `for p in $(pgrep -x 'systemd|kubelet|containerd|etcd|kube-apiserver|kube-controller|kube-scheduler|kube-proxy|cron'); do echo "$p $(readlink /proc/$p/exe)"; done`)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < 4 {
		t.Errorf("only %q", lines)
	}
	for _, line := range lines {
		var pid int
		var exe string
		if _, err := fmt.Sscan(line, &pid, &exe); err != nil {
			continue // it ended
		}
		if runs[pid] != exe {
			t.Errorf("process %d runs %q, and %q was collected", pid, exe, runs[pid])
		}
	}
}
