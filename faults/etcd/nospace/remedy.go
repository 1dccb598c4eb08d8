package nospace

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// margin is the part of the quota, in percent, that live data may take for
// compaction to be of use: pages are never filled to the brim.
const margin = 80

const why = "it writes the object that fills etcd"

// remedy stops what fills etcd, drops the history, gives the pages back, disarms,
// and proves a write. A workload can only be scaled down once writes pass again,
// so that comes after; where a reconciler would scale it up again, the rest is
// done all the same.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	e := s.Etcd
	if e == nil || !e.Reachable || e.Status == nil {
		return nil, errors.New("cannot free space in etcd: it does not answer; its file says that it is over its quota, so start it first")
	}
	if err := room(e); err != nil {
		return nil, err
	}
	hands := hands(s, fillers(e))
	plan, err := stopped(hands)
	if err != nil {
		return nil, err
	}
	plan = append(plan, op.EtcdCompact{})
	for _, url := range endpoints(e) {
		plan = append(plan, op.EtcdDefragment{Endpoint: url})
	}
	for _, a := range e.Alarms {
		if a.Kind == "NOSPACE" {
			plan = append(plan, op.EtcdDisarm{Alarm: op.Alarm(a)})
		}
	}
	for _, h := range hands {
		if h.workload != nil {
			o, err := scaled(*h.workload)
			if err != nil {
				return nil, err
			}
			plan = append(plan, o)
		}
	}
	return append(plan, op.EtcdProveWrite{}), nil
}

// room is an error when the live data alone is too much for the quota.
func room(e *snapshot.Etcd) error {
	var live int64
	for _, p := range e.Prefixes {
		live += p.Bytes
	}
	if e.Quota <= 0 || live < e.Quota/100*margin {
		return nil
	}
	largest := e.Prefixes[0]
	for _, p := range e.Prefixes {
		if p.Bytes > largest.Bytes {
			largest = p
		}
	}
	at := e.QuotaSource
	if e.QuotaLine > 0 {
		at = fmt.Sprintf("%s:%d", e.QuotaSource, e.QuotaLine)
	}
	return fmt.Errorf("cannot free space in etcd: %s are in use without any history, %s of them below %s, and the quota (%s) is %s: delete objects there, or raise --quota-backend-bytes",
		size(live), size(largest.Bytes), largest.Prefix, at, size(e.Quota))
}

// stopped plans that what runs on this node writes no longer.
func stopped(hands []hand) (op.Plan, error) {
	var entries []snapshot.Persistent
	var plan op.Plan
	for _, h := range hands {
		switch {
		case h.entry != nil:
			entries = append(entries, *h.entry)
		case h.manifest != nil && h.manifest.Link != "":
			return nil, fmt.Errorf("cannot stop the static pod of %s: the manifest is a link", h.manifest.Path)
		case h.manifest != nil:
			plan = append(plan, op.RemoveFile{Path: h.manifest.Path, Pin: h.manifest.SHA256, Why: why})
		}
	}
	units, err := fault.UprootAll(entries, why)
	return append(units, plan...), err
}

// endpoints are the addresses of the members, this one first, the leader last.
func endpoints(e *snapshot.Etcd) []string {
	own, leader := []string{}, []string{}
	var others []string
	for _, m := range e.Members {
		url := e.Endpoint
		if m.ID != e.Status.MemberID {
			if m.Learner || len(m.ClientURLs) == 0 {
				continue
			}
			url = m.ClientURLs[0]
		}
		switch {
		case m.ID == e.Status.Leader:
			leader = append(leader, url)
		case m.ID == e.Status.MemberID:
			own = append(own, url)
		default:
			others = append(others, url)
		}
	}
	all := append(append(own, others...), leader...)
	if len(all) == 0 {
		return []string{e.Endpoint}
	}
	return all
}

// scaled stops a workload's pods.
func scaled(w snapshot.Workload) (op.Op, error) {
	p := op.PatchObject{Optional: true, Why: fmt.Sprintf("scale %s %s/%s to nothing, %s, now that writes pass", w.Kind, w.Namespace, w.Name, why)}
	group, patch := "apps/v1", map[string]any{"replicas": 0}
	switch w.Kind {
	case "CronJob":
		group, patch = "batch/v1", map[string]any{"suspend": true}
	case "Deployment", "StatefulSet":
	default:
		return nil, fmt.Errorf("cannot stop %s %s/%s, which fills etcd: it cannot be scaled down", w.Kind, w.Namespace, w.Name)
	}
	p.Path = fmt.Sprintf("/apis/%s/namespaces/%s/%ss/%s", group, w.Namespace, strings.ToLower(w.Kind), w.Name)
	body, err := json.Marshal(map[string]any{"spec": patch})
	p.Patch = body
	return p, err
}
