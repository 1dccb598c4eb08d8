package fault

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Plan is the remedy of the finding, of objects that nobody puts back: see
// [Fault.PlanKept].
func (f *Fault) Plan(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	return f.PlanKept(s, x, KeptRefused)
}

// PlanKept is the remedy of the finding, after what was told with it to write the
// fault again by itself is taken out (see [Rewritten]), guarded (see [Guarded]),
// and before what the kubelet would wait to start again.
func (f *Fault) PlanKept(s *snapshot.Snapshot, x finding.Finding, kept Kept) (op.Plan, error) {
	x, again := unwritten(x)
	plan, err := f.Remedy(s, x)
	if err != nil {
		return nil, err
	}
	if again {
		if plan, err = f.stayed(s, x, plan); err != nil {
			return nil, err
		}
	}
	return Guarded(s, f.revived(s, plan), kept)
}

// Guarded is the plan with what every plan has to have: what writes to etcd
// saves a snapshot before anything else, so that a disk without room for it
// stops the plan while nothing is changed; and before a member is kept from
// answering it is made sure that the others are enough. Of objects that a
// reconciler keeps it does as kept says.
func Guarded(s *snapshot.Snapshot, plan op.Plan, kept Kept) (op.Plan, error) {
	plan, err := reconciled(s, plan, kept)
	if err != nil {
		return nil, err
	}
	if plan, err = saved(s, plan); err != nil {
		return nil, err
	}
	return quorate(s, plan), nil
}

// EtcdSnapshot plans a snapshot of the node's member, or the copy of its data
// file where it does not answer.
func EtcdSnapshot(s *snapshot.Snapshot) (op.EtcdSnapshot, error) {
	e := s.Etcd
	switch {
	case e != nil && e.Reachable && e.Status != nil:
		return op.EtcdSnapshot{Path: fmt.Sprintf("%s/%s-%d.db", op.EtcdDir, s.Node, e.Status.Revision)}, nil
	case e != nil && e.DBPath != "":
		name := s.Node + "-" + s.At.UTC().Format("20060102T150405") + ".db"
		return op.EtcdSnapshot{Path: path.Join(op.EtcdDir, name), DB: e.DBPath}, nil
	}
	return op.EtcdSnapshot{}, errors.New("cannot change etcd: no snapshot can be saved, since neither a member nor its data file was found on this node")
}

// quorate puts an [op.EtcdKeepQuorum] before each op of the plan that keeps a
// member of several from answering.
func quorate(s *snapshot.Snapshot, plan op.Plan) op.Plan {
	if s.Etcd == nil {
		return plan
	}
	var out op.Plan
	own := false // each time that the manifest is written is one restart
	for _, o := range plan {
		endpoint, stops := stopsMember(s, o)
		if keep, ok := quorum(s.Etcd, endpoint); stops && ok && !(endpoint == "" && own) {
			out, own = append(out, keep), own || endpoint == ""
		}
		out = append(out, o)
	}
	return out
}

// stopsMember reports whether o keeps a member from answering for a while, and
// which: that at endpoint, "" being this node's own.
func stopsMember(s *snapshot.Snapshot, o op.Op) (endpoint string, stops bool) {
	switch x := o.(type) {
	case op.EtcdDefragment:
		if x.Endpoint == s.Etcd.Endpoint {
			return "", true
		}
		return x.Endpoint, true
	case op.RestartStatic:
		return "", x.Container == "etcd"
	case op.Unit:
		return "", x.Verb != "start" && (x.Name == "etcd.service" || holdsMember(s, x.Name))
	}
	name := op.Written(o)
	return "", name != "" && startsMember(s, name)
}

// holdsMember reports whether the unit is a server of K3s or RKE2 that runs, and
// has the node's member in it or below it.
func holdsMember(s *snapshot.Snapshot, unit string) bool {
	dir, ok := map[string]string{"k3s.service": "k3s", "rke2-server.service": "rke2"}[unit]
	if !ok || !strings.HasPrefix(s.Etcd.DataDir, "/var/lib/rancher/"+dir+"/") {
		return false
	}
	return s.Systemd == nil || !slices.ContainsFunc(s.Systemd.Units, func(u snapshot.Unit) bool {
		return u.Name == unit && (u.Active == "inactive" || u.Active == "failed")
	})
}

// quorum is the look at the other members that is due before the one at
// endpoint is kept from answering; none for a member that is alone or does not
// answer, and where there is no quorum already: the member knows no leader. Of a
// server's member that could not be asked it is not known whether it answers.
func quorum(e *snapshot.Etcd, endpoint string) (op.EtcdKeepQuorum, bool) {
	if e.Status == nil || !e.Reachable && endpoint == "" {
		return unasked(e)
	}
	voters, answer, away := 0, 0, 0
	for _, m := range e.Members {
		if m.Learner {
			continue
		}
		voters++
		if !answers(e, m) {
			continue
		}
		answer++
		if own := m.ID == e.Status.MemberID; own && endpoint == "" || slices.Contains(m.ClientURLs, endpoint) {
			away = 1
		}
	}
	need := voters/2 + 1
	led := e.Status.Leader != "" && e.Status.Leader != "0"
	if voters < 2 || away == 0 || answer < need && !led {
		return op.EtcdKeepQuorum{}, false
	}
	keep := op.EtcdKeepQuorum{Endpoint: endpoint}
	switch left := answer - away; {
	case answer < need: // there is a leader, so that more live than were seen
		keep.Lost = fmt.Sprintf("%d of %d members answered when this node was looked at, and which of the others live is not known", answer, voters)
	case left < need:
		keep.Lost = fmt.Sprintf("%d of %d members are left then, and %d are needed", left, voters, need)
	}
	return keep, true
}

// unasked is the risk of a server of K3s or RKE2 whose member could not be asked,
// unless its files say that it is alone.
func unasked(e *snapshot.Etcd) (op.EtcdKeepQuorum, bool) {
	voters := 0
	for _, m := range e.Members {
		if !m.Learner {
			voters++
		}
	}
	if !strings.HasPrefix(e.DataDir, "/var/lib/rancher/") || voters == 1 {
		return op.EtcdKeepQuorum{}, false
	}
	return op.EtcdKeepQuorum{Lost: "this node's member could not be asked which others there are, and which of them live"}, true
}

// answers reports whether the member answered when the node was looked at.
func answers(e *snapshot.Etcd, m snapshot.EtcdMember) bool {
	return m.ID == e.Status.MemberID && e.Reachable || slices.ContainsFunc(e.Endpoints, func(x snapshot.EtcdEndpoint) bool {
		return x.Reachable && (x.ID == m.ID || slices.Contains(m.ClientURLs, x.URL))
	})
}
