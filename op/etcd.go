package op

import (
	"context"
	"fmt"
	"slices"
)

// An EtcdSnapshot saves a snapshot of etcd on the node, and verifies it. It
// stays after an undo: it is what everything can be restored from.
type EtcdSnapshot struct {
	Path string `json:"path"`
	// DB is the member's data file, for a member that does not answer: it is
	// copied as it lies.
	DB string `json:"db,omitempty"`
}

// Kind is "etcd-snapshot".
func (EtcdSnapshot) Kind() string { return "etcd-snapshot" }

func (e EtcdSnapshot) String() string {
	if e.DB != "" {
		return fmt.Sprintf("copy etcd's data file %s to %s, and compare them", e.DB, e.Path)
	}
	return "save a snapshot of etcd to " + e.Path + ", and verify it"
}

// Before looks whether there is room for it, and keeps nothing.
func (e EtcdSnapshot) Before(ctx context.Context, m Machine) (State, error) {
	if err := m.SnapshotRoom(ctx, e.Path, e.DB); err != nil {
		return nil, err
	}
	return keep(nil)
}

// Do saves and verifies the snapshot.
func (e EtcdSnapshot) Do(ctx context.Context, m Machine) error {
	_, err := m.SaveSnapshot(ctx, e.Path, e.DB)
	return err
}

// Undo keeps the snapshot.
func (EtcdSnapshot) Undo(context.Context, Machine, State) error { return nil }

// OneWay says what stays.
func (e EtcdSnapshot) OneWay() string {
	return fmt.Sprintf("the snapshot stays at %s, until %d newer ones are there", e.Path, EtcdKept)
}

// An EtcdCompact drops the history of the key space.
type EtcdCompact struct {
	Revision int64 `json:"revision,omitempty"` // 0 is the current one
}

// Kind is "etcd-compact".
func (EtcdCompact) Kind() string { return "etcd-compact" }

func (e EtcdCompact) String() string {
	if e.Revision == 0 {
		return "compact etcd's history up to its current revision"
	}
	return fmt.Sprintf("compact etcd's history up to revision %d", e.Revision)
}

// Before keeps nothing.
func (EtcdCompact) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do compacts.
func (e EtcdCompact) Do(ctx context.Context, m Machine) error {
	_, err := m.Compact(ctx, e.Revision)
	return err
}

// Undo does nothing.
func (EtcdCompact) Undo(context.Context, Machine, State) error { return nil }

// OneWay says what stays.
func (EtcdCompact) OneWay() string { return "dropped history does not come back; the snapshot has it" }

// Risk is [EtcdMaintenance].
func (EtcdCompact) Risk() Risk { return EtcdMaintenance }

// An EtcdDefragment gives a member's free pages back to the file system.
type EtcdDefragment struct {
	Endpoint string `json:"endpoint"`
}

// Kind is "etcd-defragment".
func (EtcdDefragment) Kind() string { return "etcd-defragment" }

func (e EtcdDefragment) String() string {
	return fmt.Sprintf("defragment the etcd member at %s (it does not answer meanwhile)", e.Endpoint)
}

// Before keeps nothing.
func (EtcdDefragment) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do defragments.
func (e EtcdDefragment) Do(ctx context.Context, m Machine) error {
	return m.Defragment(ctx, e.Endpoint)
}

// Undo does nothing.
func (EtcdDefragment) Undo(context.Context, Machine, State) error { return nil }

// OneWay says what stays.
func (EtcdDefragment) OneWay() string { return "the file stays compact; its content is the same" }

// Risk is [EtcdMaintenance].
func (EtcdDefragment) Risk() Risk { return EtcdMaintenance }

// An EtcdDisarm disarms an alarm.
type EtcdDisarm struct {
	Alarm Alarm `json:"alarm"`
}

// Kind is "etcd-disarm".
func (EtcdDisarm) Kind() string { return "etcd-disarm" }

func (e EtcdDisarm) String() string {
	return fmt.Sprintf("disarm the %s alarm of member %s", e.Alarm.Kind, e.Alarm.Member)
}

// Before keeps whether the alarm is raised.
func (e EtcdDisarm) Before(ctx context.Context, m Machine) (State, error) {
	all, err := m.Alarms(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if a == e.Alarm {
			return keep(true)
		}
	}
	return keep(false)
}

// Do disarms.
func (e EtcdDisarm) Do(ctx context.Context, m Machine) error {
	return m.SetAlarm(ctx, e.Alarm, false)
}

// Undo raises the alarm again, if it was.
func (e EtcdDisarm) Undo(ctx context.Context, m Machine, s State) error {
	raised, err := recall[bool](s)
	if err != nil || !raised {
		return err
	}
	return m.SetAlarm(ctx, e.Alarm, true)
}

// An EtcdProveWrite proves that etcd takes writes: it puts a key of
// klustered's own and deletes it. A plan that ends in one fails, and is
// undone, when etcd still refuses.
type EtcdProveWrite struct{}

// Kind is "etcd-prove-write".
func (EtcdProveWrite) Kind() string { return "etcd-prove-write" }

func (EtcdProveWrite) String() string { return "prove that etcd takes a write" }

// Before keeps nothing.
func (EtcdProveWrite) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do writes and deletes the key.
func (EtcdProveWrite) Do(ctx context.Context, m Machine) error { return m.ProveWrite(ctx) }

// Undo does nothing: nothing was left.
func (EtcdProveWrite) Undo(context.Context, Machine, State) error { return nil }

// An EtcdRemember remembers which alarms are raised. Undone, it frees space in
// etcd, once a snapshot is saved, and disarms those that were raised since: it
// begins a plan that makes something fill etcd.
type EtcdRemember struct{}

// Kind is "etcd-remember".
func (EtcdRemember) Kind() string { return "etcd-remember" }

func (EtcdRemember) String() string { return "remember which alarms of etcd are raised" }

// Before keeps the alarms.
func (EtcdRemember) Before(ctx context.Context, m Machine) (State, error) {
	all, err := m.Alarms(ctx)
	if err != nil {
		return nil, err
	}
	return keep(all)
}

// Do does nothing.
func (EtcdRemember) Do(context.Context, Machine) error { return nil }

// emptied is where a snapshot is saved before etcd is emptied again.
const emptied = EtcdDir + "/emptied-1.db"

// Undo saves a snapshot, compacts, defragments this node's member, where the
// others are enough without it, and disarms, if there is a new alarm.
func (EtcdRemember) Undo(ctx context.Context, m Machine, s State) error {
	was, err := recall[[]Alarm](s)
	if err != nil {
		return err
	}
	now, err := m.Alarms(ctx)
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(now, func(a Alarm) bool { return slices.Contains(was, a) })
	if len(fresh) == 0 {
		return nil
	}
	if _, err := m.SaveSnapshot(ctx, emptied, ""); err != nil {
		return err
	}
	if _, err := m.Compact(ctx, 0); err != nil {
		return err
	}
	if err := m.KeepQuorum(ctx, ""); err != nil {
		return err
	}
	if err := m.Defragment(ctx, ""); err != nil {
		return err
	}
	for _, a := range fresh {
		if err := m.SetAlarm(ctx, a, false); err != nil {
			return err
		}
	}
	return nil
}
