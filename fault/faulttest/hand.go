package faulttest

import (
	"bytes"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/op"
)

// remember keeps what of a drill's plan a reboot takes away, so that the
// drill's hand can do it again.
func (m *Machine) remember(p op.Plan) {
	m.lasting = nil
	for _, o := range p {
		switch o.(type) {
		case op.SetIOLimit, op.SetGroupLimit, op.AddQdisc, op.DeleteQdisc, op.CreateObject, op.AddRule, op.AddFilter, op.AddRoute, op.SetLink, op.Sysctl, op.MountOver:
			m.lasting = append(m.lasting, o)
		}
	}
}

// Hands are the files that make something run by itself now and that the
// healthy node does not have, or has otherwise: cron tables and scripts, units
// that are active, static pods.
func (m *Machine) Hands() []string {
	var hands []string
	for name, f := range m.all() {
		if was, ok := m.files[name]; f.Mode.IsDir() || ok && was.Link == f.Link && bytes.Equal(was.Data, f.Data) {
			continue
		}
		if m.runs(name) {
			hands = append(hands, name)
		}
	}
	slices.Sort(hands)
	return hands
}

// runs reports whether what the file says runs by itself now.
func (m *Machine) runs(name string) bool {
	dir, base := path.Dir(name), path.Base(name)
	cron := m.World.Units["cron.service"] == "active"
	switch {
	case strings.HasPrefix(base, "."):
		return false
	case name == "/etc/crontab", dir == "/var/spool/cron/crontabs":
		return cron
	case strings.HasPrefix(dir, "/etc/cron."):
		return cron && !strings.Contains(base, ".")
	case dir == "/etc/kubernetes/manifests":
		return name != etcdManifest && m.World.Units["kubelet.service"] == "active"
	case slices.Contains(unitDirs, dir):
		unit := strings.TrimSuffix(base, path.Ext(base))
		return m.World.Units[unit+".service"] == "active" || m.World.Units[unit+".timer"] == "active"
	}
	return false
}

// Tick lets time pass: every hand does its work once.
func (m *Machine) Tick() {
	if len(m.Hands()) == 0 {
		return
	}
	if m.hand != nil {
		m.hand(m)
		return
	}
	for _, o := range m.lasting {
		if c, ok := o.(op.CreateObject); ok {
			m.writeOver(c.Path)
			continue
		}
		// a hand does not look at pins, and nobody hears of its failures
		_ = o.Do(m.t.Context(), m)
	}
}

// writeOver is what a hand does with a ConfigMap of the drill: it writes it
// until etcd, if its quota was set, is full.
func (m *Machine) writeOver(at string) {
	rest, ok := strings.CutPrefix(at, "/api/v1/namespaces/")
	namespace, name, isMap := strings.Cut(rest, "/configmaps/")
	if _, where, _ := m.quota(); ok && isMap && where != "default" {
		m.FillEtcd("/registry/configmaps/"+namespace+"/"+name, "kubectl-replace")
	}
}

// Reboot restarts the node: what is not on disk is as a boot makes it, units
// that are enabled start, and the hands do their work.
func (m *Machine) Reboot() {
	for name := range m.all() {
		if strings.HasPrefix(name, "/sys/") || strings.HasPrefix(name, "/run/") {
			if _, ok := m.files[name]; !ok {
				_ = m.RemoveFile(name) // a folder goes when it is empty
			}
		}
	}
	m.restore(m.files, "/sys/")
	m.restore(m.files, "/proc/")
	m.bootSysctls()
	for i := range m.World.Processes.List {
		m.World.Processes.List[i].State = "S"
	}
	m.World.Network = newWorld().Network
	m.World.Guards = map[string]op.Guard{}
	units := map[string]string{}
	for file := range m.all() {
		unit := path.Base(file)
		if !strings.HasSuffix(path.Dir(file), ".wants") && !strings.HasSuffix(path.Dir(file), ".requires") {
			continue
		}
		if target, masked := m.unitFile(unit); target != "" && !masked && m.unitEnabled(unit) {
			units[unit] = "active"
		}
	}
	m.World.Units = units
	m.startKubelet()
	m.Tick()
}
