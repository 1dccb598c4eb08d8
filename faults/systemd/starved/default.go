package starved

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault/unit"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// servers are the units of programs that bring a kubelet, or the cluster's
// store, with them.
var servers = []string{"etcd.service", "k3s.service", "k3s-agent.service", "rke2-server.service", "rke2-agent.service"}

// watched are the units whose limits matter: those of [unit.Node], and those
// servers that the manager is to run.
func watched(s *snapshot.Snapshot) []snapshot.Unit {
	out := unit.Node(s)
	if s.Systemd == nil {
		return out
	}
	for _, u := range s.Systemd.Units {
		if slices.Contains(servers, u.Name) && u.Path != "" && !u.Masked && (unit.Runs(u) || len(u.WantedBy) > 0) {
			out = append(out, u)
		}
	}
	return out
}

// A share is a line of system.conf, and the units that it gives too little.
type share struct {
	unit.Harm
	units []snapshot.Unit
}

// shares are the defaults of all units that give one of the node's too little.
func shares(s *snapshot.Snapshot) []share {
	var out []share
	for _, d := range s.Systemd.Defaults {
		key, ok := strings.CutPrefix(d.Key, "Default")
		if !ok || d.Section != "Manager" || d.Replaced || !strings.HasPrefix(key, "Limit") && key != "TasksMax" {
			continue
		}
		x := share{}
		for _, u := range watched(s) {
			if !takes(u, key) {
				continue
			}
			as := d
			as.Key = key
			if why, want := low(s, u, as); why != "" {
				x.Harm, x.units = unit.Harm{Setting: d, Why: why, Want: want}, append(x.units, u)
			}
		}
		if len(x.units) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// takes reports whether the default of key holds for the unit: no line of its
// own sets it, and the manager has not been found to have another value.
func takes(u snapshot.Unit, key string) bool {
	if _, own := u.Last("Service", key); own {
		return false
	}
	return !slices.ContainsFunc(u.Effective, func(p snapshot.Property) bool { return p.Name == key && p.Differs })
}

// defaults tells of the lines of system.conf, one finding a file.
func defaults(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, x := range shares(s) {
		at := x.Setting.Source
		i := slices.IndexFunc(out, func(f finding.Finding) bool { return f.Subject.Name == at })
		if i < 0 {
			i = len(out)
			out = append(out, finding.Finding{
				Subject:  finding.Subject{Kind: "file", Name: at},
				Summary:  fmt.Sprintf("%s=%s in %s:%d holds %s back, whose unit sets none of its own: %s", x.Setting.Key, x.Setting.Value, at, x.Setting.Line, programs(x.units), x.Why),
				Commands: []string{"systemd-analyze cat-config systemd/system.conf", "systemctl show " + x.units[0].Name + " -p " + strings.TrimPrefix(x.Setting.Key, "Default")},
			})
		}
		out[i].Facts = append(out[i].Facts, unit.Quote(x.Setting, x.Want))
		for _, u := range x.units {
			out[i].Facts = append(append(out[i].Facts, usage(s, u)...), unit.State(u)...)
		}
	}
	return out
}

func programs(units []snapshot.Unit) string {
	var names []string
	for _, u := range units {
		names = append(names, unit.Program(u))
	}
	return strings.Join(names, ", ")
}

// lift plans that the lines leave the file, and that the units that they held
// back start again.
func lift(s *snapshot.Snapshot, file string) (op.Plan, error) {
	var lines []snapshot.Setting
	var units []string
	for _, x := range shares(s) {
		if x.Setting.Source != file {
			continue
		}
		lines = append(lines, x.Setting)
		for _, u := range x.units {
			if !slices.Contains(units, u.Name) {
				units = append(units, u.Name)
			}
		}
	}
	plan, err := unit.Cut(snapshot.Unit{Texts: s.Systemd.DefaultTexts}, lines, "the node's services use more")
	if err != nil {
		return nil, err
	}
	for _, name := range units {
		plan = append(plan, op.Unit{Verb: "restart", Name: name})
	}
	return plan, nil
}
