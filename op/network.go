package op

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"time"
)

// A DeleteQdisc removes a queueing discipline; the kernel's default takes its
// place.
type DeleteQdisc struct {
	Qdisc Qdisc `json:"qdisc"` // as the plan saw it: the pin
}

// Kind is "delete-qdisc".
func (DeleteQdisc) Kind() string { return "delete-qdisc" }

func (d DeleteQdisc) String() string {
	return fmt.Sprintf("remove the %s qdisc (%s) from %s", d.Qdisc.Kind, d.Qdisc.Parent, d.Qdisc.QdiscPlace)
}

// Before keeps the qdisc.
func (d DeleteQdisc) Before(_ context.Context, m Machine) (State, error) {
	now, ok, err := m.ReadQdisc(d.Qdisc.QdiscPlace)
	if err != nil {
		return nil, err
	}
	if !ok || now.Kind != d.Qdisc.Kind || len(d.Qdisc.Raw) > 0 && !bytes.Equal(now.Raw, d.Qdisc.Raw) {
		return nil, fmt.Errorf("cannot change the qdisc of %s: %w", d.Qdisc.QdiscPlace, ErrChanged)
	}
	return keep(now)
}

// Do removes it.
func (d DeleteQdisc) Do(_ context.Context, m Machine) error {
	now, ok, err := m.ReadQdisc(d.Qdisc.QdiscPlace)
	if err != nil || !ok || now.Kind != d.Qdisc.Kind {
		return err
	}
	return m.RemoveQdisc(d.Qdisc.QdiscPlace)
}

// Undo makes it again. An interface that is gone has no qdisc to put back, and
// one that somebody else has put there stays.
func (d DeleteQdisc) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[Qdisc](s)
	if err != nil {
		return err
	}
	now, ok, err := m.ReadQdisc(was.QdiscPlace)
	switch {
	case gone(err) || err == nil && ok && now.same(was):
		return nil
	case err != nil:
		return err
	case ok:
		return fmt.Errorf("cannot put back the qdisc of %s: %w: there is a %s", was.QdiscPlace, ErrChanged, now.Kind)
	}
	return m.WriteQdisc(was)
}

// same reports whether two qdiscs do the same.
func (q Qdisc) same(x Qdisc) bool { return q.Kind == x.Kind && bytes.Equal(q.Raw, x.Raw) }

// An AddQdisc makes a queueing discipline.
type AddQdisc struct {
	Qdisc Qdisc `json:"qdisc"`
}

// Kind is "add-qdisc".
func (AddQdisc) Kind() string { return "add-qdisc" }

func (a AddQdisc) String() string {
	return fmt.Sprintf("put a %s qdisc (%s) on %s", a.Qdisc.Kind, a.Qdisc.Parent, a.Qdisc.QdiscPlace)
}

type qdiscState struct {
	Was   Qdisc `json:"was,omitzero"`
	Found bool  `json:"found"`
}

// Before keeps what is there.
func (a AddQdisc) Before(_ context.Context, m Machine) (State, error) {
	now, ok, err := m.ReadQdisc(a.Qdisc.QdiscPlace)
	if err != nil {
		return nil, err
	}
	return keep(qdiscState{now, ok})
}

// Do makes it.
func (a AddQdisc) Do(_ context.Context, m Machine) error { return m.WriteQdisc(a.Qdisc) }

// Undo removes it, or puts back the one it replaced.
func (a AddQdisc) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[qdiscState](s)
	if err != nil {
		return err
	}
	now, ok, err := m.ReadQdisc(a.Qdisc.QdiscPlace)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the interface is gone
		return nil
	case err != nil:
		return err
	case !ok || now.Kind != a.Qdisc.Kind:
		return nil
	case was.Found && len(was.Was.Raw) > 0:
		return m.WriteQdisc(was.Was)
	}
	return m.RemoveQdisc(a.Qdisc.QdiscPlace)
}

// A GuardPorts lets only certain addresses reach certain ports. While
// Guard.Expires is set the kernel forgets the guard by itself.
type GuardPorts struct {
	Guard Guard `json:"guard"`
}

// Kind is "guard-ports".
func (GuardPorts) Kind() string { return "guard-ports" }

func (g GuardPorts) String() string {
	s := "let only"
	for i, p := range g.Guard.Ports {
		if i > 0 {
			s += ", and"
		}
		s += fmt.Sprintf(" %v and loopback reach port %d", p.Allow, p.Port)
	}
	if g.Guard.Expires > 0 {
		s += fmt.Sprintf(", for %s unless confirmed", g.Guard.Expires.Round(time.Second))
	}
	return s
}

type guardState struct {
	Was   Guard `json:"was,omitzero"`
	Found bool  `json:"found"`
}

// Before keeps the guard that is there.
func (g GuardPorts) Before(_ context.Context, m Machine) (State, error) {
	now, ok, err := m.ReadGuard(g.Guard.Name)
	if err != nil {
		return nil, err
	}
	return keep(guardState{now, ok})
}

// Do makes the guard.
func (g GuardPorts) Do(_ context.Context, m Machine) error { return m.WriteGuard(g.Guard) }

// Undo removes it, or puts back the one it replaced.
func (g GuardPorts) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[guardState](s)
	if err != nil {
		return err
	}
	now, ok, err := m.ReadGuard(g.Guard.Name)
	if err != nil {
		return err
	}
	if was.Found && !reflect.DeepEqual(now.Ports, was.Was.Ports) {
		return m.WriteGuard(was.Was)
	}
	if !ok || was.Found {
		return nil
	}
	return m.RemoveGuard(g.Guard.Name)
}
