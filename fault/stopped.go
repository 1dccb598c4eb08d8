package fault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// unitDir is where an administrator's unit files and links stand.
const unitDir = "/etc/systemd/system/"

// Stopped reports whether systemd knows the unit and does not run it. One
// whose state could not be asked for, or that is being started, is not, nor is
// one that cannot be started: a line of it wants what is not there, or it failed
// as its files once were.
func Stopped(u snapshot.Unit) bool {
	if u.Reload && u.Active == "failed" || slices.ContainsFunc(u.Unmet, func(r snapshot.Requirement) bool { return !r.Optional }) {
		return false
	}
	known := u.Path != "" && u.Load != "not-found"
	return known && (u.Active == "inactive" || u.Active == "failed")
}

// StoppedHow says in one word how the unit is stopped.
func StoppedHow(u snapshot.Unit) string {
	switch {
	case u.Masked:
		return "masked"
	case u.Active == "failed":
		return "failed"
	}
	return "stopped"
}

// StoppedFacts quote the unit's state, and why it will not start by itself.
func StoppedFacts(u snapshot.Unit) []finding.Fact {
	state := finding.Fact{Source: u.Name, Got: fmt.Sprintf("ActiveState=%s SubState=%s", u.Active, u.Sub), Want: "ActiveState=active", At: u.Since}
	if u.Result != "" && u.Result != "success" {
		state.Got += " Result=" + u.Result
	}
	facts := []finding.Fact{state}
	if u.Masked {
		facts = append(facts, finding.Fact{Source: u.Path, Got: "leads to /dev/null", Want: "no file here: it hides the unit's own"})
	}
	if len(u.WantedBy) == 0 {
		facts = append(facts, finding.Fact{Source: u.Name, Got: "no target wants it", Want: "enabled: a link in " + unitDir + wantedBy(u) + ".wants"})
	}
	return facts
}

// StartAgain plans that the unit runs, now and after the next boot: its mask
// and what keeps it disabled are taken away. An error says that starting it
// would not help.
func StartAgain(u snapshot.Unit) (op.Plan, error) {
	plan := op.Plan{op.ReloadUnits{}}
	if u.Masked {
		if !strings.HasPrefix(u.Path, "/etc/") && !strings.HasPrefix(u.Path, "/run/") {
			return nil, fmt.Errorf("cannot unmask %s: %s is a package's", u.Name, u.Path)
		}
		if strings.HasPrefix(u.Path, "/run/systemd/generator") {
			return nil, fmt.Errorf("cannot unmask %s for good: %s is made at each boot, as systemd.mask= on the kernel's command line has it", u.Name, u.Path)
		}
		mask := op.File{}
		if u.Link == "/dev/null" {
			mask.Link = u.Link
		}
		plan = append(plan, op.RemoveFile{Path: u.Path, Pin: mask.Sum(), Why: "it hides the unit"})
	}
	if len(u.WantedBy) == 0 {
		// A masked unit's own settings and place are hidden by the mask.
		target := u.Path
		if u.Masked {
			target = "/usr/lib/systemd/system/" + u.Name
		}
		plan = append(plan, op.WriteFile{
			Path: unitDir + wantedBy(u) + ".wants/" + u.Name, Link: target, Mode: 0o777, Why: "enable the unit",
		})
	}
	if len(plan) > 1 {
		plan = append(plan, op.ReloadUnits{})
	}
	return append(plan, op.Unit{Verb: "start", Name: u.Name}), nil
}

// wantedBy is the target that the unit is to be started by.
func wantedBy(u snapshot.Unit) string {
	for _, s := range u.Settings {
		if s.Section == "Install" && s.Key == "WantedBy" && s.Value != "" {
			return strings.Fields(s.Value)[0]
		}
	}
	return "multi-user.target"
}

// StopUnit plans to stop the unit: just so, or masked, as the dice fall. A
// unit whose own file stands where a mask would go cannot be masked.
func StopUnit(u snapshot.Unit, d *Dice) (op.Plan, error) {
	if u.Active != "active" {
		return nil, fmt.Errorf("cannot stop %s: it is %q", u.Name, u.Active)
	}
	plan := op.Plan{op.Unit{Verb: "stop", Name: u.Name}}
	if d.Int(0, 1) == 0 || strings.HasPrefix(u.Path, unitDir) {
		return plan, nil
	}
	mask := op.WriteFile{Path: unitDir + u.Name, Link: "/dev/null", Mode: 0o777, Why: "mask the unit"}
	return append(plan, op.ReloadUnits{}, mask, op.ReloadUnits{}), nil
}
