package op_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

// QueueUnit is noted.
func (u *units) QueueUnit(ctx context.Context, n string) error {
	u.note("queue " + n)
	return u.Machine.QueueUnit(ctx, n)
}

// TestUnitUndo: a unit comes back to the state it had. One that was being
// started, and cannot be, does not keep the journal open.
func TestUnitUndo(t *testing.T) {
	for was, want := range map[string]string{
		"active": "restart cron.service", "reloading": "restart cron.service", "activating": "queue cron.service",
		"inactive": "stop cron.service", "failed": "stop cron.service", "deactivating": "stop cron.service",
	} {
		m := faulttest.New(t)
		m.World.Units["cron.service"] = was
		data := apply(t, m, op.Plan{op.Unit{Verb: "restart", Name: "cron.service"}})
		u := &units{Machine: m}
		if err := op.Undo(t.Context(), u, bytes.NewReader(data), &faulttest.Journal{}); err != nil {
			t.Errorf("%s: %v", was, err)
		}
		if !reflect.DeepEqual(u.did, []string{want}) {
			t.Errorf("%s: got %v, want %s", was, u.did, want)
		}
	}
}

// TestUndoError: each op that cannot be undone is told of by itself.
func TestUndoError(t *testing.T) {
	m := faulttest.New(t)
	data := apply(t, m, plan())
	if err := m.WriteFile("/etc/x/y/z", op.File{Data: []byte("theirs"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	var u *op.UndoError
	err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{})
	if !errors.As(err, &u) || u.Op.Kind() != "write-file" || !errors.Is(u, op.ErrChanged) {
		t.Errorf("got %v", err)
	}
}
