// Package porttaken is the fault of a process that holds the port of a
// component of Kubernetes, and answers in its place or keeps it from starting.
package porttaken

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:    "network/porttaken",
	Layer: fault.Network,
	Needs: []snapshot.Section{snapshot.SectionSockets},
	Uses: []snapshot.Section{snapshot.SectionStatic, snapshot.SectionKubelet, snapshot.SectionLogs, snapshot.SectionProbes, snapshot.SectionKubeconfigs,
		snapshot.SectionPKI, snapshot.SectionProcesses, snapshot.SectionPersistence},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		{Symptom: symptom.APIDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletDown, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletPortDead, Strength: symptom.Sometimes},
		{Symptom: symptom.KubeletCutOff, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControlPlanePortBlocked, Strength: symptom.Sometimes}, // who holds the port may not answer
		{Symptom: symptom.AdminLockedOut, Strength: symptom.Sometimes},
	},
	Remedy: remedy,
	Drill:  drill,
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, t := range taken(s) {
		out = append(out, finding.Finding{
			Subject: t.subject(), Summary: t.summary(s), Facts: t.facts(s),
			Commands: []string{fmt.Sprintf("ss -ltnp 'sport = :%d'", t.at.Port()), fmt.Sprintf("ps -o pid,ppid,lstart,args -p %d", t.owner.PID), fmt.Sprintf("cat /proc/%d/cgroup", t.owner.PID),
				fmt.Sprintf("openssl s_client -connect %s </dev/null | openssl x509 -noout -subject -issuer", t.call())},
		})
	}
	return out
}

// hands are what starts the process that holds a port.
func hands(s *snapshot.Snapshot, pid int) []snapshot.Persistent {
	if s.Persistence == nil {
		return nil
	}
	unit := process(s, pid).Unit
	return slices.DeleteFunc(slices.Clone(s.Persistence.Entries), func(e snapshot.Persistent) bool {
		return !slices.Contains(e.PIDs, pid) && (unit == "" || e.Unit != unit)
	})
}

// process is the process of a number, or none.
func process(s *snapshot.Snapshot, pid int) snapshot.Process {
	if s.Processes != nil {
		for _, p := range s.Processes.List {
			if p.PID == pid {
				return p
			}
		}
	}
	return snapshot.Process{}
}

// remedy takes out what starts the process, which ends it, and lets the
// component try again. A process that nothing is known to start, or that
// belongs to a package or a container, is for a person.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, t := range taken(s) {
		if t.subject() != f.Subject {
			continue
		}
		p := process(s, t.owner.PID)
		list := hands(s, t.owner.PID)
		switch {
		case p.Pod != "":
			return nil, fmt.Errorf("cannot end process %d: it belongs to the pod %s; delete that, or move its port", t.owner.PID, p.Pod)
		case p.Container != "" || t.owner.Container != "":
			return nil, fmt.Errorf("cannot end process %d: it runs in a container; look at it with crictl or ctr, then stop that", t.owner.PID)
		case len(list) == 0:
			return nil, fmt.Errorf("cannot end process %d: nothing is known to start it; look at what it does, then end it by hand", t.owner.PID)
		}
		plan, err := fault.UprootAll(list, "it holds port "+fmt.Sprint(t.at.Port())+" of "+t.component)
		if err != nil {
			return nil, err
		}
		if t.component == "kubelet" {
			return append(plan, op.Unit{Verb: "restart", Name: "kubelet.service"}), nil
		}
		return append(plan, certs.RestartStatic(s, t.component)...), nil
	}
	return nil, errors.New("cannot find who holds " + f.Subject.Name + " any more")
}

// drill starts a forwarder that waits for the port of a component to be free,
// and ends the component.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	var list []place
	for _, p := range places(s) {
		if len(certs.RestartStatic(s, p.component)) > 0 && p.component != "etcd" {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("cannot take the port of a component: this node runs no control plane")
	}
	p := fault.Pick(d, list)
	unit := d.Name() + ".service"
	const dir = "/etc/systemd/system/"
	bind := ""
	if p.bound.IsLoopback() {
		bind = fault.Pick(d, []string{"", ",bind=127.0.0.1"})
	}
	text := strings.Join([]string{
		"[Unit]", "Description=" + d.Name(), "StartLimitIntervalSec=0", "", "[Service]",
		fmt.Sprintf("ExecStart=/usr/bin/socat TCP-LISTEN:%d%s,fork,reuseaddr TCP:127.0.0.1:%d", p.port, bind, d.Int(20000, 29999)),
		"Restart=always", "RestartSec=100ms", "", "[Install]", "WantedBy=multi-user.target", "",
	}, "\n")
	return append(op.Plan{
		op.ReloadUnits{},
		op.WriteFile{Path: dir + unit, Data: []byte(text), Mode: 0o644, Why: "a forwarder"},
		op.WriteFile{Path: dir + "multi-user.target.wants/" + unit, Link: dir + unit, Mode: 0o777, Why: "enable it"},
		op.ReloadUnits{},
		op.Unit{Verb: "start", Name: unit},
	}, certs.RestartStatic(s, p.component)...), nil
}
