package op

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Routes are the routing tables, the rules that choose among them, the
// neighbours and the interfaces.
type Routes interface {
	// ReadRoute returns the entry with that text, with the message that makes
	// it again, or false.
	ReadRoute(r Route) (Route, bool, error)
	// WriteRoute makes the entry: from its message, or else from its text.
	WriteRoute(r Route) error
	// RemoveRoute removes the entry with that text; none is no error.
	RemoveRoute(r Route) error
	// ReadLink returns how an interface is set. One that is gone is
	// fs.ErrNotExist.
	ReadLink(at LinkPlace) (Link, error)
	// WriteLink sets it so, and then makes those routes and addresses of l
	// that are missing.
	WriteLink(at LinkPlace, l Link) error
}

// A Route is one entry of a routing table, a rule that chooses among tables,
// or a neighbour.
type Route struct {
	NetNS uint64 `json:"netns,omitempty"` // inode of the network namespace; 0 is the host's
	Pod   string `json:"pod,omitempty"`   // namespace/name, to say it
	Kind  string `json:"kind"`            // route, rule or neighbour
	// Text is the entry as the snapshot writes it (Route.Text,
	// PolicyRule.Text, Neighbour.Text), which is nearly as ip(8) takes it: the
	// pin, and all of a new one.
	Text string `json:"text"`
	Raw  []byte `json:"raw,omitempty"`
}

func (r Route) String() string {
	text := r.Kind + " " + r.Text
	if r.Pod != "" {
		text += " of pod " + r.Pod
	}
	return text
}

// A DeleteRoute removes a route, a rule of routing, or a neighbour.
type DeleteRoute struct {
	Route Route  `json:"route"`
	Why   string `json:"why,omitempty"`
}

// Kind is "delete-route".
func (DeleteRoute) Kind() string { return "delete-route" }

func (d DeleteRoute) String() string { return because("remove the "+d.Route.String(), d.Why) }

// Before keeps the entry.
func (d DeleteRoute) Before(_ context.Context, m Machine) (State, error) {
	now, ok, err := m.ReadRoute(d.Route)
	if err != nil && !gone(err) {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("cannot remove the %s: %w", d.Route, ErrChanged)
	}
	return keep(now)
}

// Do removes it.
func (d DeleteRoute) Do(_ context.Context, m Machine) error { return m.RemoveRoute(d.Route) }

// Undo makes it again. Where its interface or namespace is gone, there is no
// way to.
func (d DeleteRoute) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[Route](s)
	if err != nil {
		return err
	}
	_, ok, err := m.ReadRoute(d.Route)
	if err == nil && !ok {
		err = m.WriteRoute(was)
	}
	if gone(err) {
		return nil
	}
	return err
}

// An AddRoute makes a route, a rule of routing, or a neighbour.
type AddRoute struct {
	Route Route `json:"route"`
}

// Kind is "add-route".
func (AddRoute) Kind() string { return "add-route" }

func (a AddRoute) String() string { return "add the " + a.Route.String() }

// Before checks that there is none.
func (a AddRoute) Before(_ context.Context, m Machine) (State, error) {
	_, ok, err := m.ReadRoute(a.Route)
	if err != nil {
		return nil, err
	}
	if ok {
		return nil, fmt.Errorf("cannot add the %s: %w: it is there", a.Route, ErrChanged)
	}
	return keep(nil)
}

// Do makes it.
func (a AddRoute) Do(_ context.Context, m Machine) error {
	_, ok, err := m.ReadRoute(a.Route)
	if err != nil || ok {
		return err
	}
	return m.WriteRoute(a.Route)
}

// Undo removes it.
func (a AddRoute) Undo(_ context.Context, m Machine, _ State) error {
	if err := m.RemoveRoute(a.Route); !gone(err) {
		return err
	}
	return nil
}

// A LinkPlace is an interface of a network namespace.
type LinkPlace struct {
	NetNS uint64 `json:"netns,omitempty"` // inode of the network namespace; 0 is the host's
	Pod   string `json:"pod,omitempty"`   // namespace/name, to say it
	Link  string `json:"link"`
}

func (p LinkPlace) String() string {
	if p.Pod != "" {
		return p.Link + " of pod " + p.Pod
	}
	return p.Link
}

// A Link is how an interface is set.
type Link struct {
	Up  bool `json:"up"`
	MTU int  `json:"mtu"`
	// Routes and Addresses are the messages of those that the kernel forgets
	// when the interface goes down and does not make again by itself.
	Routes    [][]byte `json:"routes,omitempty"`
	Addresses [][]byte `json:"addresses,omitempty"`
}

// A SetLink sets an interface up or down and its MTU.
type SetLink struct {
	At     LinkPlace `json:"at"`
	OldUp  bool      `json:"oldUp"` // the pins
	OldMTU int       `json:"oldMTU"`
	NewUp  bool      `json:"newUp"`
	NewMTU int       `json:"newMTU"`
}

// Kind is "set-link".
func (SetLink) Kind() string { return "set-link" }

func (l SetLink) String() string {
	var does []string
	if l.OldUp != l.NewUp {
		does = append(does, "set "+l.At.String()+map[bool]string{true: " up", false: " down"}[l.NewUp])
	}
	if l.OldMTU != l.NewMTU {
		does = append(does, fmt.Sprintf("set the MTU of %s to %d (it is %d)", l.At, l.NewMTU, l.OldMTU))
	}
	return strings.Join(does, " and ")
}

// Before checks the interface, and keeps what it would lose.
func (l SetLink) Before(_ context.Context, m Machine) (State, error) {
	now, err := m.ReadLink(l.At)
	if err != nil {
		return nil, err
	}
	if now.Up != l.OldUp || now.MTU != l.OldMTU {
		return nil, fmt.Errorf("cannot change %s: %w", l.At, ErrChanged)
	}
	return keep(now)
}

// Do sets it.
func (l SetLink) Do(_ context.Context, m Machine) error {
	return m.WriteLink(l.At, Link{Up: l.NewUp, MTU: l.NewMTU})
}

// Undo sets it as it was, with the routes that it had.
func (l SetLink) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[Link](s)
	if err != nil {
		return err
	}
	now, err := m.ReadLink(l.At)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case now.Up != l.OldUp && now.Up != l.NewUp, now.MTU != l.OldMTU && now.MTU != l.NewMTU:
		return fmt.Errorf("cannot put back %s: %w", l.At, ErrChanged)
	}
	return m.WriteLink(l.At, was)
}
