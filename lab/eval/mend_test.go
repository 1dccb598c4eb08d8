package eval

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func TestPrints(t *testing.T) {
	was, is := prints{}, prints{}
	was.add("n", "d 755 0:0 \t/etc\nf 644 0:0 \t/etc/a b\nl 777 0:0 a\t/etc/l\nf 600 0:0 \t/etc/gone\ncafe  /etc/a b\nbabe  /etc/gone\n")
	is.add("n", "d 755 0:0 \t/etc\nf 644 0:0 \t/etc/a b\nl 777 0:0 b\t/etc/l\nf 640 0:0 \t/etc/new\nbeef  /etc/a b\n")
	if got := was.differ(is); !slices.Equal(got, []string{"n:/etc/a b", "n:/etc/gone", "n:/etc/l", "n:/etc/new"}) {
		t.Errorf("differ %v", got)
	}
	if got := was.differ(was); got != nil {
		t.Errorf("differs from itself: %v", got)
	}
}

// A refuser repairs nothing.
type refuser struct{ err error }

func (r refuser) Fix(context.Context, string) error { return r.err }
func (r refuser) Undo(context.Context) error        { return r.err }

func TestMendRefused(t *testing.T) {
	f := &fault.Fault{ID: "host/a", Drill: provoke}
	b := &Bench{Faults: []*fault.Fault{f}, Mender: refuser{errors.New("a person has to decide")}}
	if m := b.mended(t.Context(), f.ID, broken{}, nil); m.None == "" || m.Why != "" {
		t.Errorf("without a remedy: %+v", m)
	}
	f.Remedy = func(*snapshot.Snapshot, finding.Finding) (op.Plan, error) { return nil, nil }
	if m := b.mended(t.Context(), f.ID, broken{}, nil); m.None != "" || m.Repaired || m.Undone || m.Again || m.Held || m.Why != "a person has to decide" {
		t.Errorf("a repair that is refused: %+v", m)
	}
}
