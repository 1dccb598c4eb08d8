package storage

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/kmsg"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// files are those of a node with a partition, a mapped device and a loop.
var files = map[string]string{
	"proc/self/mountinfo": "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 253:0 / /var rw,relatime - ext4 /dev/mapper/a rw\n" +
		"3 2 7:0 / /var/lib/etcd ro - ext4 /dev/loop0 rw,errors=remount-ro\n4 1 8:2 / /a\\040b rw - xfs /dev/sda2 ro\n5 1 0:9 / /run ro - tmpfs tmpfs ro\n",
	"sys/block/sda/dev": "8:0", "sys/block/sda/size": "4096", "sys/block/sda/device/model": "A DISK  ", "sys/block/sda/queue/rotational": "1",
	"sys/block/sda/queue/scheduler": "none [mq-deadline]", "sys/block/sda/sda1/dev": "8:1", "sys/block/sda/sda1/partition": "1",
	"sys/block/dm-0/dev": "253:0", "sys/block/dm-0/size": "8", "sys/block/loop0/dev": "7:0", "sys/block/loop0/size": "2048",
	"sys/block/loop0/loop/backing_file": "/root/x.img (deleted)\n", "sys/block/loop1/dev": "7:1",
	"sys/fs/ext4/sda1/errors_count": "3\n", "sys/fs/ext4/sda1/last_error_time": "1700000000\n", "sys/fs/ext4/sda1/last_error_func": "ext4_find_entry\n",
	"var/lib/etcd/member/x": "", "var/lib/kubelet/y": "", "run/z": "",
}

func TestStorage(t *testing.T) {
	root := t.TempDir()
	for name, data := range files {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	links := map[string]string{"sys/dev/block/8:1": "/sys/block/sda/sda1", "sys/dev/block/253:0": "/sys/block/dm-0", "sys/dev/block/7:0": "/sys/block/loop0",
		"sys/block/dm-0/slaves/sda1": "/sys/block/sda/sda1"}
	for name, target := range links {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, p); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(root, "var/lib/etcd/member/x"), minLarge); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(root, false), s); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range s.Storage.Data {
		line := "data " + d.Path + " in " + d.Target + " " + d.Source
		for _, x := range d.Disks {
			line += fmt.Sprintf(" %s:%s:%d:%v:%s", x.Name, x.Model, x.Size, x.Rotational, x.Scheduler)
		}
		got = append(got, line)
	}
	for _, r := range s.Storage.ReadOnly {
		got = append(got, fmt.Sprintf("ro %s %s %v", r.Target, r.Source, r.Whole))
	}
	for _, l := range s.Storage.Loops {
		got = append(got, fmt.Sprintf("loop %s %s %v %d %q", l.Name, l.Backing, l.Deleted, l.Size, l.Mounted))
	}
	for _, f := range s.Storage.Large {
		got = append(got, fmt.Sprintf("large %s %d holes=%v", f.Path, f.Size, f.Used < f.Size))
	}
	for _, x := range s.Storage.Errors {
		got = append(got, fmt.Sprintf("error %s %d %s %d", x.Name, x.Count, x.Function, x.Last.Unix()))
	}
	sda := " sda1::0:false: sda:A DISK:2097152:true:mq-deadline"
	want := []string{
		"data / in / /dev/sda1" + sda, "data /var/lib/etcd in /var/lib/etcd /dev/loop0 loop0::1048576:false:",
		"data /var/lib/kubelet in /var /dev/mapper/a dm-0::4096:false:" + sda, "data /run in /run tmpfs",
		"ro /var/lib/etcd /dev/loop0 false", "ro /a b /dev/sda2 true",
		`loop loop0 /root/x.img true 1048576 ["/var/lib/etcd"]`, "large /var/lib/etcd/member/x 33554432 holes=true",
		"error sda1 3 ext4_find_entry 1700000000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestSaid(t *testing.T) {
	records := []kmsg.Record{{Priority: 3, Text: "EXT4-fs error (device sda1): x"}, {Priority: 6, Text: "EXT4-fs (sda1): Remounting filesystem read-only"},
		{Priority: 6, Text: "sda1 is fine"}, {Priority: 3, Text: "sdb: y"}, {Priority: 3, Facility: 1, Text: "sda1 said by someone"}}
	if got := said(records, "sda1"); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("2 1 253:0 / /var rw,relatime shared:1 - ext4 /dev/mapper/a\\040b rw\n[x]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range parseMounts(data) {
			if m.target == "" || m.fsType == "" {
				t.Errorf("%+v", m)
			}
			within(m.source, m.target)
		}
		chosen(string(data))
		number(data)
	})
}
