package op_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

// TestRemember: etcd that was filled is saved before it is emptied again.
func TestRemember(t *testing.T) {
	m := faulttest.New(t)
	data := apply(t, m, op.Plan{op.EtcdRemember{}})
	if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); err != nil {
		t.Fatal(err)
	}
	const saved = op.EtcdDir + "/emptied-1.db"
	if _, err := m.ReadFile(saved); err == nil {
		t.Error("a snapshot of an etcd that was not filled")
	}
	m.FillEtcd("/registry/configmaps/default/x", "x")
	if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); err != nil {
		t.Fatal(err)
	}
	f, err := m.ReadFile(saved)
	if alarms, _ := m.Alarms(t.Context()); err != nil || !strings.Contains(string(f.Data), "etcd snapshot") || len(alarms) > 0 {
		t.Errorf("saved %q, %v; alarms %v", f.Data, err, alarms)
	}
}
