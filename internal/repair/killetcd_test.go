package repair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/machine/etcd"
	"github.com/klustered/klustered/op"
)

// TestKillNodeForGood kills the removal of an etcd member everywhere. No undo
// takes that back: what is left is a list with the member or without it, a
// journal that is closed, and a plan that can be made again.
func TestKillNodeForGood(t *testing.T) {
	if os.Getenv(killNode) == "" {
		t.Skip("it is run on a node of a lab")
	}
	s := &stage{t: t, base: t.TempDir()}
	m := etcd.New(source.New("/", true))
	t.Cleanup(func() {
		if x, err := deadMember(context.Background(), m); err == nil {
			_ = m.RemoveMember(context.Background(), x)
		}
	})
	if err := s.killsForGood(func() (op.Plan, error) {
		dead, err := deadMember(t.Context(), m)
		return op.Plan{op.EtcdSnapshot{Path: filepath.Join(s.base, "etcd-1.db")}, op.EtcdRemoveMember{Member: dead}}, err
	}, lookAt{Dir: s.base + "/none", Members: true}); err != nil {
		t.Error(err)
	}
}

// deadMember is a learner that never starts, which counts for no quorum. It is
// added where it is not there.
func deadMember(ctx context.Context, m *etcd.Etcd) (op.EtcdMember, error) {
	const dead = "https://127.0.0.1:23999"
	const add = "ETCDCTL_API=3 etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt " +
		"--cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key member add dead --learner --peer-urls=" + dead
	for range 2 {
		all, err := m.Members(ctx)
		if err != nil {
			return op.EtcdMember{}, err
		}
		if i := slices.IndexFunc(all, func(x op.EtcdMember) bool { return slices.Contains(x.PeerURLs, dead) }); i >= 0 {
			return all[i], nil
		}
		if err := shell(add); err != nil {
			return op.EtcdMember{}, err
		}
	}
	return op.EtcdMember{}, errors.New("the learner that was added is not on the list")
}

// killsForGood kills a plan that no undo takes back: at each point of the apply,
// and by the clock.
func (s *stage) killsForGood(plan func() (op.Plan, error), look lookAt) error {
	x := task{Dir: filepath.Join(s.base, "klustered"), Look: look}
	var err error
	if x.Plan, err = plan(); err != nil {
		return err
	}
	first, err := s.run(x)
	if err != nil || first == nil {
		return fmt.Errorf("no look: %v", err)
	}
	x.Do = "apply"
	begin := time.Now()
	whole, err := s.run(x)
	if err != nil || whole == nil || whole.Error != "" || reflect.DeepEqual(first.State, whole.State) {
		return fmt.Errorf("the plan: %+v, %v", whole, err)
	}
	took := time.Since(begin)
	if err := s.either(x, "whole", first.State, whole.State); err != nil {
		return err
	}
	check := func(when string) error { return s.either(x, when, first.State, whole.State) }
	if err := s.points(x, plan, check); err != nil {
		return err
	}
	return s.clock(x, plan, clocked/4, took/2, took, check)
}

// either has a process recover, and wants a journal that is closed, and the one
// state or the other: after where the journal says that the plan was kept.
func (s *stage) either(x task, when string, before, after map[string]string) error {
	x.Do, x.Kill = "recover", 0
	r, err := s.run(x)
	switch {
	case err != nil || r == nil:
		return fmt.Errorf("%s: no recovery: %v", when, err)
	case r.Error != "" || r.Last.State == StateHalf:
		return fmt.Errorf("%s: recovered to %s: %s", when, r.Last.State, r.Error)
	case !reflect.DeepEqual(r.State, after) && (r.Last.State == StateKept || !reflect.DeepEqual(r.State, before)):
		return fmt.Errorf("%s: recovered (%s), and it is neither as it was nor as it should be:\n%s", when, r.Last.State, unlike(after, r.State))
	}
	return os.RemoveAll(x.Dir)
}

// TestKillNodeUndo kills the undo of EtcdRemember everywhere, where an alarm was
// raised since: whatever it had done, the next call ends it.
func TestKillNodeUndo(t *testing.T) {
	if os.Getenv(killNode) == "" {
		t.Skip("it is run on a node of a lab")
	}
	s := &stage{t: t, base: t.TempDir()}
	m := etcd.New(source.New("/", true))
	members, err := m.Members(t.Context())
	if err != nil || len(members) == 0 {
		t.Fatalf("no member: %v", err)
	}
	alarm := op.Alarm{Member: members[0].ID, Kind: "NOSPACE"}
	t.Cleanup(func() { _ = m.SetAlarm(context.Background(), alarm, false) })
	x := task{Dir: filepath.Join(s.base, "klustered"), Look: lookAt{Dir: s.base + "/none", Alarms: true}, Plan: op.Plan{op.EtcdRemember{}}}
	before, err := s.run(x)
	if err != nil || before == nil {
		t.Fatalf("no look: %v", err)
	}
	for kill := 1; ; kill++ {
		x.Do, x.Kill = "apply", 0
		if r, err := s.run(x); err != nil || r == nil || r.Error != "" {
			t.Fatalf("the plan: %+v, %v", r, err)
		}
		if err := m.SetAlarm(t.Context(), alarm, true); err != nil {
			t.Fatal(err)
		}
		x.Do, x.Kill = "undo", kill
		r, err := s.run(x)
		died := r == nil
		if died && err == nil {
			x.Kill = 0
			r, err = s.run(x)
		}
		late := r != nil && died && strings.HasSuffix(r.Error, ErrNothing.Error()) // it died with all done
		if err != nil || r == nil || r.Error != "" && !late || r.Last.State != StateUndone || !reflect.DeepEqual(r.State, before.State) {
			t.Fatalf("undo killed at point %d: %+v, %v, want %v", kill, r, err, before.State)
		}
		if err := os.RemoveAll(x.Dir); err != nil {
			t.Fatal(err)
		}
		if !died {
			if t.Logf("an undo, killed at %d points", kill-1); kill == 1 {
				t.Error("it was killed nowhere")
			}
			return
		}
	}
}
