package faulttest

import (
	"context"
	"fmt"
	"path"
	"strings"
)

// unitDirs are where unit files are looked for, the first one first.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"}

// unitFile returns the path of the unit's file and whether the unit is masked.
func (m *Machine) unitFile(name string) (file string, masked bool) {
	for _, d := range unitDirs {
		p := path.Join(d, name)
		f, err := m.ReadFile(p)
		if err != nil {
			continue
		}
		if f.Link == "/dev/null" || f.Link == "" && len(f.Data) == 0 {
			return p, true
		}
		if f.Link == "" {
			return p, false
		}
		if _, err := m.ReadFile(f.Link); err == nil {
			return f.Link, false
		}
	}
	return "", false
}

// unitEnabled reports whether a link makes the unit start at boot.
func (m *Machine) unitEnabled(name string) bool {
	for file, f := range m.all() {
		dir := path.Dir(file)
		wanted := strings.HasSuffix(dir, ".wants") || strings.HasSuffix(dir, ".requires")
		if wanted && path.Base(file) == name && f.Link != "" {
			_, err := m.ReadFile(f.Link)
			return err == nil
		}
	}
	return false
}

// UnitActive is the unit's state, or "" when it has no file.
func (m *Machine) UnitActive(_ context.Context, name string) (string, error) {
	if s, ok := m.World.Units[name]; ok {
		return s, nil
	}
	if file, _ := m.unitFile(name); file == "" {
		return "", nil
	}
	return "inactive", nil
}

// StartUnit starts the unit as systemd would: not one without a file, nor one
// that is masked.
func (m *Machine) StartUnit(_ context.Context, name string) error {
	file, masked := m.unitFile(name)
	switch {
	case file == "":
		return fmt.Errorf("cannot start %s: it has no unit file", name)
	case masked:
		return fmt.Errorf("cannot start %s: it is masked", name)
	}
	m.World.Units[name] = "active"
	if name == kubeletUnit {
		m.startKubelet()
	}
	m.Tick()
	return nil
}

// StopUnit stops the unit.
func (m *Machine) StopUnit(_ context.Context, name string) error {
	m.World.Units[name] = "inactive"
	return nil
}

// RestartUnit starts the unit, whether or not it runs.
func (m *Machine) RestartUnit(ctx context.Context, name string) error { return m.StartUnit(ctx, name) }

// QueueUnit tells the unit to start: one that cannot is being started again
// and again.
func (m *Machine) QueueUnit(ctx context.Context, name string) error {
	if m.StartUnit(ctx, name) != nil {
		m.World.Units[name] = "activating"
	}
	return nil
}

// ReloadUnits does nothing: the simulated systemd always reads its files.
func (m *Machine) ReloadUnits(context.Context) error { return nil }
