package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// testFiles compares the set-id files with find, the capabilities with
// getcap, the attributes with lsattr.
func testFiles(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Files
	if x == nil {
		t.Fatal("not collected")
	}
	want, err := n.Lines(ctx, `find /usr /opt /root /tmp /var/tmp /home -xdev -type f -perm /6000 -perm /0111; getcap -r /usr /opt 2>/dev/null | cut -d' ' -f1; true`)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Granted + len(x.Privileged); got != len(want) {
		t.Errorf("%d set-id files and capabilities, find and getcap show %d: %q, %+v", got, len(want), want, x.Privileged)
	}
	listed := strings.Join(want, "\n") + "\n"
	for _, f := range x.Privileged {
		if !strings.Contains(listed, f.Path+"\n") {
			t.Errorf("%s: neither find nor getcap shows it", f.Path)
		}
	}
	fixed, err := n.Lines(ctx, `lsattr -d /etc /etc/* /etc/kubernetes/* /var/lib/kubelet /var/lib/kubelet/* /var/lib/etcd /etc/systemd/system/* /etc/cron.d/* 2>/dev/null | awk '$1 ~ /[ia]/ {print $2}'; true`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range x.Fixed {
		got = append(got, f.Path)
	}
	same(t, "immutable files", got, fixed)
}

// testAccess compares the accounts with getent, and the keys with ssh-keygen
// where the node has it.
func testAccess(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Access
	if x == nil {
		t.Fatal("not collected")
	}
	for _, a := range x.Accounts {
		want := fmt.Sprintf(":%d:%d:", a.UID, a.GID)
		line, err := n.Lines(ctx, "getent passwd '"+a.Name+"'")
		if err != nil || len(line) != 1 || !strings.Contains(line[0], want) || !strings.HasSuffix(line[0], a.Home+":"+a.Shell) {
			t.Errorf("%s: %+v, getent shows %q", a.Name, a, line)
		}
	}
	can, err := n.Lines(ctx, `getent passwd | awk -F: '$3 == 0 || ($7 !~ /(nologin|false|sync)$/) {print $1}'`)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, a := range x.Accounts {
		have[a.Name] = true
	}
	for _, name := range can {
		if !have[name] {
			t.Errorf("%s can log in and was not collected", name)
		}
	}
	extra, err := n.Lines(ctx, `ls /usr/local/share/ca-certificates/ 2>/dev/null | wc -l`)
	if err != nil || len(extra) != 1 || extra[0] == "0" && len(x.Authorities) > 0 {
		t.Errorf("authorities %+v, %q of the node's own, %v", x.Authorities, extra, err)
	}
}
