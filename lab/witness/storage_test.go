package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func testStorage(ctx context.Context, t *testing.T, n Node) {
	s := n.Snapshot.Storage
	if s == nil {
		t.Fatal("not collected")
	}
	for _, d := range s.Data {
		lines, err := n.Lines(ctx, "findmnt -n -v -o TARGET,SOURCE,FSTYPE,MAJ:MIN -T "+d.Path+" | tail -1")
		if err != nil || len(lines) != 1 {
			t.Fatal(lines, err)
		}
		if got, want := strings.Join([]string{d.Target, d.Source, d.FSType, d.Device}, " "), strings.Join(strings.Fields(lines[0]), " "); got != want {
			t.Errorf("%s: %q was collected, %q is shown", d.Path, got, want)
		}
		if len(d.Disks) == 0 && strings.HasPrefix(d.Source, "/dev/") {
			t.Errorf("%s: no disk beneath %s", d.Path, d.Source)
		}
		for _, x := range d.Disks {
			lines, err := n.Lines(ctx, "lsblk -b -n -d -o NAME,SIZE,RO,MAJ:MIN 2>/dev/null | grep -w "+x.Device)
			if want := fmt.Sprintf("%s %d %d %s", x.Name, x.Size, map[bool]int{true: 1}[x.ReadOnly], x.Device); err == nil && strings.Join(strings.Fields(strings.Join(lines, " ")), " ") != want {
				t.Errorf("%s: %q was collected, %q is shown", x.Name, want, lines)
			}
		}
	}
	var loops struct {
		Devices []struct {
			Name    string
			Backing string `json:"back-file"`
			Offset  uint64
		} `json:"loopdevices"`
	}
	if out, err := n.Lines(ctx, "losetup -J -l"); err != nil {
		t.Fatal(err)
	} else if len(out) > 0 { // it prints nothing where there is none
		if err := n.JSON(ctx, "losetup -J -l", &loops); err != nil {
			t.Fatal(err)
		}
	}
	var got, want []string
	for _, x := range loops.Devices {
		want = append(want, fmt.Sprintf("%s %s %d", x.Name, strings.TrimSuffix(x.Backing, " (deleted)"), x.Offset))
	}
	for _, l := range s.Loops {
		got = append(got, fmt.Sprintf("/dev/%s %s %d", l.Name, l.Backing, l.Offset))
	}
	same(t, "loop devices", got, want)
	lines, err := n.Lines(ctx, `findmnt -rn -o TARGET,SOURCE -O ro | grep ' /dev/' || true`)
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, x := range s.ReadOnly {
		got = append(got, x.Target)
	}
	for i := range lines {
		lines[i], _, _ = strings.Cut(lines[i], " ")
	}
	same(t, "read-only mounts", got, lines)
	large(ctx, t, n)
}

// large compares the files of etcd's folder and of the top one.
func large(ctx context.Context, t *testing.T, n Node) {
	want, err := n.Lines(ctx, `find / -maxdepth 1 -type f -size +32767k -printf '%p %s\n'; find /var/lib/etcd /opt /tmp /root -xdev -maxdepth 2 -type f -size +32767k -printf '%p %s\n' 2>/dev/null || true`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	seen := map[string]bool{}
	for _, f := range n.Snapshot.Storage.Large {
		seen[fmt.Sprintf("%s %d", f.Path, f.Size)] = true
		lines, err := n.Lines(ctx, fmt.Sprintf("stat -c '%%n %%s' %q 2>/dev/null || true", f.Path))
		if err != nil || len(lines) == 0 {
			continue // it is gone, or a program's binary that was replaced
		}
		got = append(got, lines...)
		if !seen[lines[0]] && !strings.HasPrefix(f.Path, "/var/log/") && !strings.HasPrefix(f.Path, "/var/lib/") {
			t.Errorf("%+v was collected, %q is shown", f, lines)
		}
	}
	for _, x := range want {
		if !seen[x] && len(got) < 40 {
			t.Errorf("%s is there and was not collected", x)
		}
	}
}
