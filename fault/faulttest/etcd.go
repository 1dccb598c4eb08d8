package faulttest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const etcdManifest = "/etc/kubernetes/manifests/etcd.yaml"

// quota is etcd's quota in bytes and where it is set, as its manifest says.
func (m *Machine) quota() (bytes int64, source string, line int) {
	f, err := m.ReadFile(etcdManifest)
	if err != nil {
		return m.World.Etcd.Quota, "default", 0
	}
	n := 0
	for l := range strings.Lines(string(f.Data)) {
		n++
		_, v, ok := strings.Cut(strings.TrimSpace(l), "--quota-backend-bytes=")
		if !ok {
			continue
		}
		if q, err := strconv.ParseInt(strings.Trim(v, `"' `), 10, 64); err == nil && q > 0 {
			bytes, source, line = q, etcdManifest, n
		}
	}
	if bytes == 0 {
		return m.World.Etcd.Quota, "default", 0
	}
	return bytes, source, line
}

// full reports whether etcd refuses writes.
func (m *Machine) full() bool {
	return slices.ContainsFunc(m.World.Etcd.Alarms, func(a snapshot.EtcdAlarm) bool { return a.Kind == "NOSPACE" })
}

// FillEtcd writes the object of that key over and over, as manager, until
// etcd is full. It does nothing where it is full already.
func (m *Machine) FillEtcd(key, manager string) {
	if m.full() {
		return
	}
	e := m.World.Etcd
	quota, _, _ := m.quota()
	const size = 200 << 10
	n := max(1, (quota-e.Status.DBSize)/size)
	e.Status.Revision += n
	e.Status.DBSize, e.DBFileSize = quota+size, quota+size
	e.Status.InUse += n * size
	w := snapshot.EtcdWriter{Key: key, Version: n, Bytes: size, Churn: n * size, Manager: manager, Last: At}
	if p := strings.Split(strings.TrimPrefix(key, "/registry/"), "/"); len(p) == 3 {
		w.Kind, w.Namespace, w.Name = map[string]string{"configmaps": "ConfigMap", "secrets": "Secret"}[p[0]], p[1], p[2]
	}
	e.Writers = append([]snapshot.EtcdWriter{w}, e.Writers...)
	prefix := path.Dir(path.Dir(key)) + "/"
	e.Prefixes = slices.DeleteFunc(e.Prefixes, func(p snapshot.EtcdPrefix) bool { return p.Prefix == prefix })
	e.Prefixes = append([]snapshot.EtcdPrefix{{Prefix: prefix, Keys: 15, Bytes: 30000 + size, Versions: n + 20}}, e.Prefixes...)
	e.Alarms = append(e.Alarms, snapshot.EtcdAlarm{Member: e.Status.MemberID, Kind: "NOSPACE"})
}

// liveBytes is the size of what compaction leaves.
func (m *Machine) liveBytes() int64 {
	n := int64(1 << 20)
	for _, p := range m.World.Etcd.Prefixes {
		n += p.Bytes
	}
	return n
}

// SnapshotRoom asks the file system that the world has at the path.
func (m *Machine) SnapshotRoom(_ context.Context, p, _ string) error {
	if m.World.Host == nil {
		return nil
	}
	var at snapshot.Mount
	for _, x := range m.World.Host.Mounts {
		if strings.HasPrefix(p, strings.TrimSuffix(x.Target, "/")+"/") && len(x.Target) > len(at.Target) {
			at = x
		}
	}
	if size := m.World.Etcd.DBFileSize; at.Total > 0 && int64(at.Free) < size {
		return fmt.Errorf("cannot save a snapshot to %s: %d bytes are free at %s, and it takes %d: %w", p, at.Free, at.Target, size, op.ErrNoRoom)
	}
	return nil
}

// SaveSnapshot writes a file that stands for a snapshot.
func (m *Machine) SaveSnapshot(ctx context.Context, p, db string) (int64, error) {
	if err := m.SnapshotRoom(ctx, p, db); err != nil {
		return 0, err
	}
	f := op.File{Data: fmt.Appendf(nil, "etcd snapshot at revision %d", m.World.Etcd.Status.Revision), Mode: 0o600}
	if db != "" {
		from, err := m.ReadFile(db)
		if err != nil {
			return 0, err
		}
		f.Data = from.Data
	}
	return int64(len(f.Data)), m.WriteFile(p, f)
}

// KeepQuorum counts the members of the world that answer.
func (m *Machine) KeepQuorum(_ context.Context, endpoint string) error {
	e := m.World.Etcd
	voters, left := 0, 0
	for _, x := range e.Members {
		own := x.ID == e.Status.MemberID
		if x.Learner {
			continue
		}
		voters++
		if away := own && endpoint == "" || slices.Contains(x.ClientURLs, endpoint); away {
			continue
		}
		if own && e.Reachable || slices.ContainsFunc(e.Endpoints, func(y snapshot.EtcdEndpoint) bool { return y.ID == x.ID && y.Reachable }) {
			left++
		}
	}
	if voters > 1 && left <= voters/2 {
		return fmt.Errorf("cannot keep etcd's quorum: %d of %d members answer", left, voters)
	}
	return nil
}

// Members is the list of the world.
func (m *Machine) Members(context.Context) ([]op.EtcdMember, error) {
	var out []op.EtcdMember
	for _, x := range m.World.Etcd.Members {
		out = append(out, op.EtcdMember(x))
	}
	return out, nil
}

// RemoveMember takes a member off the list that does not answer, where the
// others are enough.
func (m *Machine) RemoveMember(ctx context.Context, x op.EtcdMember) error {
	e := m.World.Etcd
	if x.ID == e.Status.MemberID || slices.ContainsFunc(e.Endpoints, func(y snapshot.EtcdEndpoint) bool { return y.ID == x.ID && y.Reachable }) {
		return fmt.Errorf("cannot remove the member %s: it is there", x)
	}
	if err := m.KeepQuorum(ctx, "none's"); err != nil {
		return err
	}
	e.Members = slices.DeleteFunc(e.Members, func(y snapshot.EtcdMember) bool { return y.ID == x.ID })
	return nil
}

// Compact drops history.
func (m *Machine) Compact(_ context.Context, revision int64) (int64, error) {
	s := m.World.Etcd.Status
	if revision == 0 {
		revision = s.Revision
	}
	s.Compacted, s.InUse = revision, m.liveBytes()
	return revision, nil
}

// Defragment makes the file as small as what is in use.
func (m *Machine) Defragment(context.Context, string) error {
	e := m.World.Etcd
	e.Status.DBSize, e.DBFileSize = e.Status.InUse, e.Status.InUse
	return nil
}

// Alarms lists the raised alarms.
func (m *Machine) Alarms(context.Context) ([]op.Alarm, error) {
	var all []op.Alarm
	for _, a := range m.World.Etcd.Alarms {
		all = append(all, op.Alarm(a))
	}
	return all, nil
}

// SetAlarm raises or disarms an alarm.
func (m *Machine) SetAlarm(_ context.Context, a op.Alarm, raised bool) error {
	e := m.World.Etcd
	e.Alarms = slices.DeleteFunc(e.Alarms, func(x snapshot.EtcdAlarm) bool { return op.Alarm(x) == a })
	if raised {
		e.Alarms = append(e.Alarms, snapshot.EtcdAlarm(a))
	}
	return nil
}

// ProveWrite writes, which raises the alarm when the file is over the quota.
func (m *Machine) ProveWrite(context.Context) error {
	e := m.World.Etcd
	if quota, _, _ := m.quota(); !m.full() && e.Status.DBSize > quota {
		e.Alarms = append(e.Alarms, snapshot.EtcdAlarm{Member: e.Status.MemberID, Kind: "NOSPACE"})
	}
	if m.full() {
		return errors.New("cannot write to etcd: mvcc: database space exceeded")
	}
	return nil
}
