package certs

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Pick draws a certificate that a component of this node shows all the time
// and that can be issued anew, of those for which ok holds.
func Pick(s *snapshot.Snapshot, d *fault.Dice, ok func(Use) bool) (Use, error) {
	if s.PKI == nil {
		return Use{}, errors.New("cannot spoil a certificate: none was read")
	}
	var list []Use
	for _, u := range InUse(s) {
		if _, err := u.Authority(s); err == nil && slices.Contains(order, u.Owner()) && u.busy() && ok(u) {
			list = append(list, u)
		}
	}
	if len(list) == 0 {
		return Use{}, errors.New("cannot spoil a certificate: this node has none of the kind")
	}
	return fault.Pick(d, list), nil
}

// busy reports whether something soon goes wrong without the certificate. The
// members of an etcd show theirs to no one while there is one alone.
func (u Use) busy() bool {
	return slices.ContainsFunc(u.Edges, func(e snapshot.Edge) bool {
		return e.Lasting() && e.Checks != snapshot.EdgePair && e.Server != "kubelet" && !(e.Client == "etcd" && e.Server == "etcd")
	})
}

// IsServer reports whether a server shows the certificate.
func (u Use) IsServer() bool { return u.Edges[0].Checks == snapshot.EdgeServer }

// Spoil plans that the certificate is issued anew as change makes it, and that
// those who read it start anew..
func (u Use) Spoil(s *snapshot.Snapshot, change func(x *Identity), file func(*op.IssueCertificate), conf func(*op.IssueKubeconfig)) (op.Plan, error) {
	x, ok := u.Identity(s)
	if !ok {
		return nil, fmt.Errorf("cannot spoil %s: it is not known what it says", u.Cert)
	}
	if change != nil {
		change(&x)
	}
	o, err := u.Issue(s, x, "")
	if err != nil {
		return nil, err
	}
	switch i := o.(type) {
	case op.IssueCertificate:
		if file != nil {
			file(&i)
		}
		o = i
	case op.IssueKubeconfig:
		if conf != nil {
			conf(&i)
		}
		o = i
	}
	return append(op.Plan{o}, u.Restart(s)...), nil
}
