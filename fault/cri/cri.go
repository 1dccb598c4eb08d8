// Package cri finds what the faults of the container runtime share: where its
// configuration says a thing, how that is changed, and how the runtime is made
// to read it again.
package cri

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// The plugins of containerd as the snapshot names them in keys of settings.
const (
	Runtime = "plugins/io.containerd.cri.v1.runtime/"
	Images  = "plugins/io.containerd.cri.v1.images/"
)

// Unit is the unit of the runtime that the node uses.
func Unit(s *snapshot.Snapshot) (snapshot.Unit, bool) { return symptom.RuntimeUnit(s) }

// File returns a file of the runtime's configuration as it was read.
func File(r *snapshot.Runtime, name string) (snapshot.Text, bool) {
	if r.Config != nil && r.Config.Path == name {
		return *r.Config, true
	}
	if r.Settings != nil {
		for _, f := range r.Settings.Files {
			if f.Path == name {
				return f.Text, f.SHA256 != ""
			}
		}
	}
	return snapshot.Text{}, false
}

// Setting returns the value that holds for exactly that key.
func Setting(r *snapshot.Runtime, key string) (snapshot.ConfigSetting, bool) {
	if r.Settings != nil {
		for _, x := range r.Settings.Settings {
			if x.Key == key {
				return x, true
			}
		}
	}
	return snapshot.ConfigSetting{}, false
}

// Quote is a fact that shows the line of a setting, and the places that it
// overrides.
func Quote(r *snapshot.Runtime, x snapshot.ConfigSetting, want string) []finding.Fact {
	got := x.Key[strings.LastIndex(x.Key, "/")+1:] + " = " + x.Value
	if t, ok := File(r, x.Path); ok && strings.TrimSpace(t.LineAt(x.Line)) != "" {
		got = strings.TrimSpace(t.LineAt(x.Line))
	}
	facts := []finding.Fact{{Source: x.Path, Line: x.Line, Got: got, Want: want}}
	for _, b := range x.Before {
		facts = append(facts, finding.Fact{Source: x.Path, Got: "it overrides " + b})
	}
	return facts
}

// recent is how old a log line may be and still support a finding.
const recent = 15 * time.Minute

// Said are the latest lines of the log with one of the observations, at most
// one of each.
func Said(s *snapshot.Snapshot, ids ...string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, id := range ids {
		if seen := s.Logs.Seen(id, s.At, recent); len(seen) > 0 {
			out = append(out, finding.Fact{Source: seen[0].Source, Got: Clip(seen[0].Sample), At: seen[0].Last})
		}
	}
	return out
}

// Answer is a fact with what the runtime said instead of an answer.
func Answer(r *snapshot.Runtime) []finding.Fact {
	if r.Reachable || r.Error == "" || r.Socket == "" {
		return nil
	}
	return []finding.Fact{{Source: r.Socket, Got: Clip(r.Error), Want: "an answer of the CRI"}}
}

// clipped is how much of a line is quoted, in bytes.
const clipped = 300

// Clip cuts a line to what is quoted of it.
func Clip(line string) string {
	line = strings.TrimSpace(line)
	if len(line) > clipped {
		line = strings.ToValidUTF8(line[:clipped], "") + "..."
	}
	return line
}

// Commands are how to see by hand what the runtime makes of its configuration.
func Commands(s *snapshot.Snapshot, more ...string) []string {
	if u, ok := Unit(s); ok {
		more = append(more, "systemctl status "+u.Name, "journalctl -u "+u.Name+" -n 20")
	}
	return more
}

// made are folders whose configuration a distribution of Kubernetes writes
// anew at each start, with what to change in its place.
var made = []struct{ dir, instead string }{
	{"/var/lib/rancher/", "config-v3.toml.tmpl beside it, which k3s and RKE2 make it from"},
	{"/run/k0s/", "/etc/k0s/containerd.d"},
	{"/var/snap/microk8s/", "containerd-template.toml beside it"},
}

// Changeable says why a change of the runtime's file would not last, or nil.
func Changeable(name string) error {
	for _, m := range made {
		if strings.HasPrefix(name, m.dir) {
			return fmt.Errorf("cannot change %s: it is made anew at each start; change %s", name, m.instead)
		}
	}
	return nil
}

// Restart plans that the runtime reads its configuration again. Containers
// that run go on running.
func Restart(s *snapshot.Snapshot) (op.Unit, error) {
	u, ok := Unit(s)
	if !ok {
		return op.Unit{}, errors.New("cannot restart the container runtime: its unit is not known")
	}
	return op.Unit{Verb: "restart", Name: u.Name}, nil
}

// Change plans that line n of a file of the runtime's configuration becomes
// those of with, and that the runtime reads it.
func Change(s *snapshot.Snapshot, name string, n int, with []string, why string) (op.Plan, error) {
	t, ok := File(s.Runtime, name)
	if !ok {
		return nil, fmt.Errorf("cannot change %s: its content was not read", name)
	}
	if err := Changeable(name); err != nil {
		return nil, err
	}
	restart, err := Restart(s)
	if err != nil {
		return nil, err
	}
	var edit op.Op
	if len(with) == 0 && path.Dir(name) != path.Dir(s.Runtime.Config.Path) && alone(t, n) {
		edit = fault.Remove(t, why)
	} else if edit, err = fault.EditLines(t, n, n, with, why); err != nil {
		return nil, err
	}
	return op.Plan{edit, restart}, nil
}

// alone reports whether a file of another folder than the main one's says
// nothing but line n.
func alone(t snapshot.Text, n int) bool {
	return !slices.ContainsFunc(number(t.Lines()), func(l line) bool {
		text := strings.TrimSpace(l.text)
		return l.n != n && text != "" && text[0] != '#' && text[0] != '[' && !strings.HasPrefix(text, "version")
	})
}

type line struct {
	n    int
	text string
}

func number(lines []string) []line {
	out := make([]line, len(lines))
	for i, l := range lines {
		out[i] = line{i + 1, l}
	}
	return out
}

// Assign is line n of t with the value after its equals sign replaced by
// value, which is written as TOML.
func Assign(t snapshot.Text, n int, value string) string {
	left, _, _ := strings.Cut(t.LineAt(n), "=")
	return strings.TrimRight(left, " ") + " = " + value
}

// Put plans that a key of the snapshot has a value, written as TOML, in the
// main file, and that the runtime reads it.
func Put(s *snapshot.Snapshot, key, value string) (op.Plan, error) {
	t, err := Main(s)
	if err != nil {
		return nil, err
	}
	restart, err := Restart(s)
	if err != nil {
		return nil, err
	}
	plan, err := within(s.Runtime, t, key, value)
	return append(plan, restart), err
}
