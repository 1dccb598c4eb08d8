package certs

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Restore plans that a file of PEM which is gone or damaged is made anew: a
// certificate with its key, or the public half of a key that is there. An
// authority is written from a copy alone, and a key that signs tokens not at
// all: to make them anew would change all that rests on them.
func Restore(s *snapshot.Snapshot, name, why string) (op.Plan, error) {
	for _, e := range s.PKI.Edges {
		switch {
		case e.Checks == snapshot.EdgeSigning && e.CA == name:
			return Publish(s, e)
		case e.Checks == snapshot.EdgeSigning && e.Key == name:
			return nil, fmt.Errorf("cannot make %s anew: every token that it signed would be refused; put it back from another control-plane node or a copy", name)
		case e.CA == name && strings.Contains(name, "#clusters/"):
			return rebuild(s, name)
		case e.CA == name:
			return RestoreAuthority(s, name, why)
		}
	}
	for _, u := range InUse(s) {
		if file, _ := Split(u.Cert); u.Cert != name && u.Key() != name && file != name {
			continue
		}
		if strings.Contains(u.Role(), "kubelet") && u.Owner() == "kubelet" {
			return nil, fmt.Errorf("cannot make %s anew: the kubelet makes it itself when it starts, or asks for it with a bootstrap token", name)
		}
		if u.IsPair() {
			return nil, fmt.Errorf("cannot make %s anew: it is an authority's, or another server's; put it back from a copy", name)
		}
		return u.Reissue(s, why)
	}
	return nil, fmt.Errorf("cannot make %s anew: it is not known what it was", name)
}

// IsPair reports whether nothing is known of the certificate but its key.
func (u Use) IsPair() bool {
	for _, e := range u.Edges {
		if e.Checks != snapshot.EdgePair {
			return false
		}
	}
	return true
}

// Publish plans that tokens signed with the key of e are accepted, beside
// those that were: its public half is added to what the API server verifies
// with.
func Publish(s *snapshot.Snapshot, e snapshot.Edge) (op.Plan, error) {
	first, _, _ := strings.Cut(e.CA, ",")
	key, ok := File(s, e.Key)
	if !ok || key.Error != "" || key.Damage != "" || key.Keys == 0 {
		return nil, fmt.Errorf("cannot make %s anew: the key %s, whose public half it is, cannot be read either", first, e.Key)
	}
	file, pin, err := target(s, first)
	if err != nil {
		return nil, err
	}
	f, _ := File(s, first)
	plan := op.Plan{op.PublishKey{Key: e.Key, Path: file, Pin: pin, Fresh: f.Damage != "" || f.Keys == 0}}
	return append(plan, RestartStatic(s, "kube-apiserver")...), nil
}
