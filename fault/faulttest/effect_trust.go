package faulttest

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// trustEffects are the consequences of faults of that area, and what its rules
// read of what runs.
var trustEffects = []func(*Machine, *snapshot.Snapshot){listening, covered, renamedProcesses}

// listening: the processes of the node listen at their ports.
func listening(_ *Machine, s *snapshot.Snapshot) {
	if s.Sockets == nil || s.Processes == nil || len(s.Sockets.Listening) > 0 {
		return
	}
	for _, p := range s.Processes.List {
		for _, port := range map[string][]int{"kube-apiserver": {6443}, "etcd": {2379, 2380}, "kubelet": {10250}}[p.Name] {
			s.Sockets.Listening = append(s.Sockets.Listening, snapshot.Socket{
				NetNS: "host", Protocol: "tcp", State: "listen", Address: fmt.Sprintf("[::]:%d", port),
				Owners: []snapshot.SocketOwner{{PID: p.PID, Name: strings.TrimSpace(p.Name), Exe: p.Exe, Container: p.Container}},
			})
		}
	}
}

// covered: what is mounted over a process hides it from the node's tools.
func covered(m *Machine, s *snapshot.Snapshot) {
	if s.View == nil || s.Processes == nil {
		return
	}
	for _, p := range s.Processes.List {
		name := fmt.Sprintf("/proc/%d", p.PID)
		mounts, err := m.ReadMounts(name)
		if err != nil {
			continue
		}
		for _, x := range mounts {
			s.View.Over = append(s.View.Over, snapshot.OverMount{
				Mount: snapshot.Mount{Target: name, FSType: x.Type, Source: x.Source, Root: x.Root}, Kind: "process", Table: "/proc/self/mountinfo", Late: true,
			})
		}
	}
}

var execAs = regexp.MustCompile(`exec -a "([^"]+)" (\S+)`)

// renamedProcesses: a unit whose command gives its program another name runs
// under that.
func renamedProcesses(m *Machine, s *snapshot.Snapshot) {
	if s.Processes == nil {
		return
	}
	pid := 5000
	for name, f := range m.all() {
		unit := path.Base(name)
		as := execAs.FindStringSubmatch(string(f.Data))
		if as == nil || path.Dir(name) != "/etc/systemd/system" || m.World.Units[unit] != "active" {
			continue
		}
		pid++
		s.Processes.List = append(s.Processes.List, snapshot.Process{PID: pid, PPID: 1, Name: as[2], Exe: "/usr/bin/" + as[2], Args: []string{as[1], "infinity"}, State: "S", Unit: unit})
	}
}
