package fault

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// TestSaved: a snapshot stands before whatever changes which data a member runs
// on, wherever its folders are, if there is anything to save.
func TestSaved(t *testing.T) {
	const text = "spec:\n  containers:\n  - command:\n    - etcd\n    - --data-dir=/srv/etcd\n    - --wal-dir=/fast/wal\n    - --quota-backend-bytes=8\n  volumes:\n  - hostPath:\n      path: /srv\n"
	node := func(e snapshot.Etcd) *snapshot.Snapshot {
		s := three("a", "b", "c")
		m := &s.Static.Manifests[0]
		m.Content = text
		m.Containers[0].Flags = []snapshot.Flag{{Name: "data-dir", Value: "/srv/etcd"}, {Name: "wal-dir", Value: "/fast/wal"}}
		e.DataDir, e.DBPath = "/srv/etcd", "/srv/etcd/member/snap/db"
		s.Etcd = &e
		return s
	}
	up := *three("a", "b", "c").Etcd
	stored := snapshot.Etcd{DBFileSize: 9, Status: &snapshot.EtcdStatus{}}
	write := func(old, with string) op.Op {
		return op.WriteFile{Path: etcdYAML, Data: []byte(strings.Replace(text, old, with, 1))}
	}
	for name, tt := range map[string]struct {
		e     snapshot.Etcd
		o     op.Op
		saved bool
	}{
		"mode of the folder":     {up, op.Chmod{Path: "/srv/etcd"}, true},
		"mode of what is beside": {up, op.Chmod{Path: "/srv/etcd2"}, false},
		"attributes of the log":  {up, op.FileAttr{Path: "/fast/wal/0-0.wal"}, true},
		"a log elsewhere":        {up, op.RemoveFile{Path: "/fast/wal/0-0.wal"}, true},
		"a copy over it":         {up, op.CopyFile{From: "/a", To: "/srv/etcd/member/snap/db"}, true},
		"a mount over it":        {up, op.MountOver{Mount: op.Mount{Path: "/srv/etcd"}}, true},
		"a mount above it":       {up, op.Unmount{Mount: op.Mount{Path: "/srv"}}, true},
		"a mount elsewhere":      {up, op.Unmount{Mount: op.Mount{Path: "/var"}}, false},
		"stored alone":           {stored, op.Unmount{Mount: op.Mount{Path: "/srv"}}, true},
		"nothing there":          {snapshot.Etcd{}, op.Unmount{Mount: op.Mount{Path: "/srv"}}, false},
		"another data folder":    {up, write("--data-dir=/srv/etcd", "--data-dir=/srv/new"), true},
		"a cluster of its own":   {up, write("    - --quota", "    - --force-new-cluster\n    - --quota"), true},
		"a new member":           {up, write("    - --quota", "    - --initial-cluster-state=new\n    - --quota"), true},
		"another volume":         {up, write("path: /srv", "path: /tmp"), true},
		"another quota":          {up, write("bytes=8", "bytes=9"), false},
		"a line of it":           {up, op.EditLine{Path: etcdYAML, Old: []string{"    - --wal-dir=/fast/wal"}}, true},
		"another line":           {up, op.EditLine{Path: etcdYAML, Old: []string{"    - --quota-backend-bytes=8"}}, false},
		"the same of another":    {up, op.WriteFile{Path: "/etc/kubernetes/manifests/x.yaml", Data: []byte("- --data-dir=/x")}, false},
	} {
		f := &Fault{ID: "x/y", Remedy: func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return op.Plan{tt.o}, nil }}
		plan, err := f.Plan(node(tt.e), finding.Finding{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, saved := plan[0].(op.EtcdSnapshot); saved != tt.saved {
			t.Errorf("%s: %v", name, plan)
		}
	}
}
