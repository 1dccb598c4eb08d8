package execfails

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// remedy takes lines that drop-ins added out of them. What the unit's own file
// wants is not there, and is for a person.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	u, err := unit.OfUnit(s, f.Subject.Name)
	if err != nil {
		return nil, err
	}
	var lines []snapshot.Setting
	for _, r := range u.Unmet {
		if r.Optional {
			continue
		}
		if !strings.HasSuffix(path.Dir(r.Source), ".d") {
			return nil, fmt.Errorf("cannot repair %s: its own file wants %s, and %s: put it there", u.Name, r.Value, r.Error)
		}
		i := slices.IndexFunc(u.Settings, func(x snapshot.Setting) bool { return x.Source == r.Source && x.Line == r.Line })
		if i < 0 {
			return nil, fmt.Errorf("cannot repair %s: line %d of %s is not known", u.Name, r.Line, r.Source)
		}
		lines = append(lines, u.Settings[i])
	}
	if len(lines) == 0 {
		return nil, errors.New("cannot repair the unit: systemd says at which step it fails, and not which line is wrong")
	}
	if x, ok := unit.Bereft(u, lines); ok {
		return nil, fmt.Errorf("cannot repair %s: without %s=%s in %s:%d it starts nothing", u.Name, x.Key, x.Value, x.Source, x.Line)
	}
	return unit.Without(s, u, lines, "what it wants is not there")
}

// drill adds a drop-in that wants something that is not there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	units := slices.DeleteFunc(unit.Node(s), func(u snapshot.Unit) bool { return !unit.Runs(u) })
	if len(units) == 0 {
		return nil, errors.New("cannot break a unit: none of the node's runs")
	}
	u, name := fault.Pick(d, units), d.Name()
	line := fault.Pick(d, []string{
		"[Service]\nExecStartPre=/usr/local/lib/" + name + "/prepare " + unit.Program(u),
		"[Service]\nWorkingDirectory=/srv/" + name,
		"[Service]\nUser=" + unit.Program(u) + "-runner",
		"[Service]\nEnvironmentFile=/etc/default/" + name,
		"[Service]\nExecStartPre=/etc/" + name + ".sh",
		"[Unit]\nConditionPathExists=/run/" + name + "/ready",
	})
	plan := op.Plan{op.ReloadUnits{}, op.WriteFile{
		Path: fmt.Sprintf("/etc/systemd/system/%s.d/%d-%s.conf", u.Name, d.Int(2, 9)*10, name), Data: []byte("# local settings\n" + line + "\n"), Mode: 0o644, Why: "a drop-in",
	}}
	if strings.Contains(line, ".sh") {
		plan = append(plan, op.WriteFile{Path: "/etc/" + name + ".sh", Data: []byte("#!/opt/" + name + "/bin/sh\nexit 0\n"), Mode: 0o755, Why: "what it runs"})
	}
	return append(plan, op.ReloadUnits{}, op.Unit{Verb: "restart", Name: u.Name, MayFail: true}), nil
}
