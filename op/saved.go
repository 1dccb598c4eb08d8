package op

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
)

// EtcdDir is where snapshots of etcd are saved on a node, 0700. The newest
// [EtcdKept] of a node stay there.
const EtcdDir = "/var/lib/klustered/etcd"

// EtcdKept is how many snapshots of a node are kept.
const EtcdKept = 3

// ErrNoRoom means that a file system has not room enough for a snapshot.
var ErrNoRoom = errors.New("there is not room enough")

// ErrUnsaved means that a plan writes to etcd, and saves no snapshot before.
var ErrUnsaved = errors.New("no snapshot of etcd is saved before")

// etcdFile is a file of a member: its data, or its log, or the folder of both.
var etcdFile = regexp.MustCompile(`/member/(snap|wal)(/|$)|/[^/]*etcd[^/]*/member/?$`)

// WritesEtcd reports whether o writes to etcd, or to a member's files.
func WritesEtcd(o Op) bool {
	switch x := o.(type) {
	case EtcdCompact, EtcdDefragment, EtcdDisarm, EtcdProveWrite, EtcdRemoveMember:
		return true
	case CopyFile:
		return etcdFile.MatchString(x.To)
	}
	return etcdFile.MatchString(Written(o))
}

// Written is the path of the file that o writes, or removes, or "".
func Written(o Op) string {
	switch x := o.(type) {
	case WriteFile:
		return x.Path
	case RemoveFile:
		return x.Path
	case CopyFile:
		return x.To
	case EditLine:
		return x.Path
	case Splice:
		return x.Path
	}
	return ""
}

// Saved is an error, [ErrUnsaved], for a plan that writes to etcd without a
// snapshot saved before. [Apply] makes no such plan.
func (p Plan) Saved() error {
	i := slices.IndexFunc(p, WritesEtcd)
	if i < 0 || slices.ContainsFunc(p[:i], func(o Op) bool { _, ok := o.(EtcdSnapshot); return ok }) {
		return nil
	}
	return fmt.Errorf("cannot %s: %w", p[i], ErrUnsaved)
}
