// Package clock is the fault of a node whose clock is not that of others.
package clock

import (
	"fmt"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed. A clock is set by who keeps the
// time, and a lab's nodes have that of their machine.
var Fault = &fault.Fault{
	ID:       "host/clock",
	Layer:    fault.Host,
	Needs:    []snapshot.Section{snapshot.SectionClock},
	Uses:     []snapshot.Section{snapshot.SectionLogs, snapshot.SectionPKI, snapshot.SectionSystemd},
	Detect:   detect,
	Explains: []symptom.Edge{{Symptom: symptom.ClockOff, Strength: symptom.Always}},
}

// detect takes what the symptom saw, and says who should keep the time and
// what comes of it. A clock that merely nobody keeps is none.
func detect(s *snapshot.Snapshot) []finding.Finding {
	x, _ := symptom.Lookup(symptom.ClockOff)
	state, facts := x.Look(s)
	if state != symptom.Seen {
		return nil
	}
	f := finding.Finding{
		Subject:  finding.Subject{Kind: "node", Name: s.Node},
		Summary:  "the clock of " + s.Node + " is off: " + facts[0].Source + ": " + facts[0].Got,
		Facts:    facts,
		Commands: []string{"date -u", "timedatectl", "chronyc tracking", "systemctl status systemd-timesyncd chrony"},
	}
	c := s.Clock
	if c.Asked && !c.Synced {
		f.Facts = append(f.Facts, finding.Fact{Source: "adjtimex(2)", Got: "not synchronised: " + strings.Join(c.Status, " "), Want: "synchronised"})
	}
	running := 0
	for _, k := range c.Keepers {
		if k.PID == 0 {
			f.Facts = append(f.Facts, finding.Fact{Source: k.Name, Got: "installed, and does not run", Want: "running"})
		} else {
			running++
		}
	}
	if running == 0 && len(c.Keepers) == 0 {
		f.Facts = append(f.Facts, finding.Fact{Source: "processes", Got: "nobody keeps the time", Want: "chrony, timesyncd or the like"})
	}
	for _, r := range c.RTCs {
		if r.Ahead > 3600 || r.Ahead < -3600 {
			f.Facts = append(f.Facts, finding.Fact{Source: r.Source, Got: fmt.Sprintf("the hardware clock is %s apart", time.Duration(r.Ahead*1e9).Round(time.Minute))})
		}
	}
	f.Facts = append(append(f.Facts, masked(s)...), early(s)...)
	return []finding.Finding{f}
}

// masked quotes the masks of units that would keep the time.
func masked(s *snapshot.Snapshot) []finding.Fact {
	if s.Systemd == nil {
		return nil
	}
	var out []finding.Fact
	for _, name := range []string{"chronyd.service", "chrony.service", "systemd-timesyncd.service", "ntpd.service", "ntpsec.service"} {
		if u, ok := s.Systemd.Unit(name); ok && u.Masked && u.Active != "active" {
			out = append(out, finding.Fact{Source: u.Path, Got: "masks " + name, Want: "no mask, unless another keeps the time"})
		}
	}
	return out
}

// early quotes certificates that are not valid yet by this clock.
func early(s *snapshot.Snapshot) []finding.Fact {
	if s.PKI == nil {
		return nil
	}
	var out []finding.Fact
	for _, c := range s.PKI.Certificates {
		if s.At.Before(c.NotBefore) && len(out) < 3 {
			out = append(out, finding.Fact{Source: c.Path, Got: "not valid before " + c.NotBefore.UTC().Format(time.RFC3339), Want: "in the past"})
		}
	}
	return out
}
