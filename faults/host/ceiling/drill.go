package ceiling

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill leaves all pods, or those with requests, a few hundredths of one
// processor; now and then something writes that again.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Cgroups == nil {
		return nil, errors.New("cannot limit pods: the node's groups are not known")
	}
	if s.Static == nil || len(s.Static.Manifests) == 0 {
		return nil, errors.New("cannot limit pods so that it shows: this node runs no part of the control plane, and idle pods lack nothing")
	}
	var groups []snapshot.Control
	for _, c := range s.Cgroups.Controls {
		_, v1 := c.Dirs["cpu"]
		_, v2 := c.Dirs[""]
		burst := c.Kind == "qos" && strings.HasSuffix(stem(c.Path), "burstable")
		if v1 && capped(s) { // a group may not have less there than one below it
			continue
		}
		if (c.Kind == "kubepods" || burst) && (v1 || v2) && c.CPU != nil && c.CPU.QuotaUs == 0 && c.CPU.PeriodUs > 0 {
			groups = append(groups, c)
		}
	}
	if len(groups) == 0 {
		return nil, errors.New("cannot limit pods: no group of theirs without a limit was found")
	}
	l := low{group: fault.Pick(d, groups), resource: "cpu"}
	quota := l.group.CPU.PeriodUs * uint64(d.Int(3, 6)) / 100
	plan := op.Plan{op.SetGroupLimit{File: l.file(), New: &quota, Why: "to leave room for others"}}
	if d.Int(0, 1) == 0 {
		line := fmt.Sprintf("* * * * * root echo %d > %s\n", quota, l.file())
		plan = append(plan, op.WriteFile{Path: "/etc/cron.d/" + d.Name(), Data: []byte(line), Mode: 0o644, Why: "it sets the limit again"})
	}
	return plan, nil
}

// capped reports whether a pod of this node may have a quota of its own.
func capped(s *snapshot.Snapshot) bool {
	return s.Cluster == nil || slices.ContainsFunc(s.Cluster.Pods, func(p snapshot.Pod) bool {
		return p.Node == s.Node && p.Detail != nil && slices.ContainsFunc(p.Detail.Containers, func(c snapshot.PodContainer) bool { return c.Limits["cpu"] != "" })
	})
}
