// Package reapplied is the fault of something that runs by itself and puts a
// break back.
package reapplied

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
	"github.com/klustered/klustered/trust"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:    "persistence/reapplied",
	Layer: fault.Systemd,
	Needs: []snapshot.Section{snapshot.SectionPersistence},
	Uses: []snapshot.Section{snapshot.SectionSystemd, snapshot.SectionSysctls, snapshot.SectionStatic, snapshot.SectionCNI,
		snapshot.SectionProcesses, snapshot.SectionFiles},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.FixUndone, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.RuntimeDown, Strength: symptom.Sometimes},
		{Symptom: symptom.PodNetworkDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, u := range trust.Undoings(s) {
		subject := finding.Subject{Kind: "file", Name: u.Entry.Source}
		if i := slices.IndexFunc(out, func(f finding.Finding) bool { return f.Subject == subject }); i >= 0 {
			out[i].Facts = append(out[i].Facts, u.Facts...)
			continue
		}
		when := ""
		if u.Entry.Schedule != "" {
			when = " (" + u.Entry.Schedule + ")"
		}
		out = append(out, finding.Finding{
			Subject: subject, Own: true,
			Summary:  fmt.Sprintf("%s breaks %s again by itself%s: %s", u.Entry.Source, u.Object, when, u.Deed.Text),
			Facts:    u.Facts,
			Commands: []string{fmt.Sprintf("sed -n %dp %s", max(u.Facts[0].Line, 1), u.Facts[0].Source), "systemctl list-timers; ls -la /etc/cron* /var/spool/cron/crontabs"},
		})
	}
	return out
}

// remedy takes out what runs by itself, then mends what it broke, where that
// can be known. What else is broken is told once nothing puts it back.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	var entries []snapshot.Persistent
	var mends op.Plan
	for _, u := range trust.Undoings(s) {
		if u.Entry.Source != f.Subject.Name {
			continue
		}
		if !slices.ContainsFunc(entries, func(e snapshot.Persistent) bool { return e.Source == u.Entry.Source && e.Line == u.Entry.Line }) {
			entries = append(entries, u.Entry)
		}
		part, err := mend(s, u)
		if err != nil {
			return nil, err
		}
		mends = append(mends, part...)
	}
	if len(entries) == 0 {
		return nil, errors.New("cannot take " + f.Subject.Name + " out: it is not in the snapshot")
	}
	plan, err := fault.UprootAll(entries, "it breaks the node again by itself")
	if err != nil {
		return nil, err
	}
	return append(plan, mends...), nil
}

// mend puts right what an entry broke.
func mend(s *snapshot.Snapshot, u trust.Undoing) (op.Plan, error) {
	switch u.Deed.Kind {
	case "unit":
		if x, ok := s.Systemd.Unit(u.Object); ok {
			return fault.StartAgain(x)
		}
	case "sysctl":
		return op.Plan{op.Sysctl{Name: u.Object, Old: "0", New: "1"}}, nil
	}
	return nil, nil
}

// drill stops the kubelet, and has cron or a timer stop it again.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	const unit = "kubelet.service"
	u, ok := s.Systemd.Unit(unit)
	if !ok || u.Active != "active" {
		return nil, errors.New("cannot stop the kubelet: it does not run")
	}
	stop := fault.Pick(d, []string{"systemctl stop kubelet", "/usr/bin/systemctl stop kubelet.service", "systemctl -q stop kubelet 2>/dev/null"})
	name := d.Name()
	halt := op.Unit{Verb: "stop", Name: unit}
	if d.Int(0, 1) == 0 {
		line := fmt.Sprintf("# housekeeping\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n* * * * * root %s\n", stop)
		return op.Plan{op.WriteFile{Path: "/etc/cron.d/" + name, Data: []byte(line), Mode: 0o644, Why: "a table of cron"}, halt}, nil
	}
	script := fault.Pick(d, []string{"/usr/local/sbin/", "/usr/local/lib/" + name + "/"}) + name
	line := fmt.Sprintf("*/%d * * * * root %s\n", d.Int(1, 2), script)
	return op.Plan{
		op.WriteFile{Path: script, Data: []byte("#!/bin/sh\n# keeps this node in shape\nlogger -t " + name + " run\n" + stop + "\n"), Mode: 0o755, Why: "a script"},
		op.WriteFile{Path: "/etc/cron.d/" + name, Data: []byte(line), Mode: 0o644, Why: "a table of cron"},
		halt,
	}, nil
}
