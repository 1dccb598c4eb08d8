package op

import (
	"context"
	"fmt"
	"slices"
)

// EtcdRemoval is the risk that a member of etcd is taken off the list for good.
const EtcdRemoval Risk = "etcd-member-removal"

// An EtcdMember is an entry of etcd's list of members.
type EtcdMember struct {
	ID         string   `json:"id"`             // hex
	Name       string   `json:"name,omitempty"` // "" of one that never started
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs,omitempty"`
	Learner    bool     `json:"learner,omitempty"`
}

func (m EtcdMember) String() string {
	if m.Name == "" {
		return fmt.Sprintf("%s, which never started, at %v", m.ID, m.PeerURLs)
	}
	return fmt.Sprintf("%s (%s)", m.Name, m.ID)
}

// An EtcdRemoveMember takes a dead member off the list, so that it is not
// counted any more. The machine looks, right before, that nothing answers at its
// addresses, and that the others are enough without it.
type EtcdRemoveMember struct {
	Member EtcdMember `json:"member"`
	Why    string     `json:"why"`
}

// Kind is "etcd-remove-member".
func (EtcdRemoveMember) Kind() string { return "etcd-remove-member" }

func (e EtcdRemoveMember) String() string {
	return fmt.Sprintf("remove the member %s from etcd's list: %s", e.Member, e.Why)
}

// Before checks that the member is on the list, with these addresses.
func (e EtcdRemoveMember) Before(ctx context.Context, m Machine) (State, error) {
	all, err := m.Members(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(x EtcdMember) bool { return x.ID == e.Member.ID })
	if i < 0 || !slices.Equal(all[i].PeerURLs, e.Member.PeerURLs) {
		return nil, fmt.Errorf("cannot remove the member %s: %w", e.Member, ErrChanged)
	}
	return keep(all[i])
}

// Do removes it, unless it is gone.
func (e EtcdRemoveMember) Do(ctx context.Context, m Machine) error {
	return m.RemoveMember(ctx, e.Member)
}

// Undo does nothing: added again it would be another member, and be counted
// before it is there.
func (EtcdRemoveMember) Undo(context.Context, Machine, State) error { return nil }

// OneWay says what stays.
func (EtcdRemoveMember) OneWay() string {
	return "a member that was removed cannot join again with its data: it is added anew, with an empty folder"
}

// Risk is [EtcdRemoval].
func (EtcdRemoveMember) Risk() Risk { return EtcdRemoval }
