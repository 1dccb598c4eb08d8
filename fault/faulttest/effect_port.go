package faulttest

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

var forwards = regexp.MustCompile(`ExecStart=(/usr/bin/socat TCP-LISTEN:(\d+)(,bind=127\.0\.0\.1)?\S* \S+)`)

// portTaken: a unit that listens at the port of a component keeps that from
// starting.
func portTaken(m *Machine, s *snapshot.Snapshot) {
	if s.Sockets == nil || s.Processes == nil {
		return
	}
	for name, f := range m.all() {
		x := forwards.FindStringSubmatch(string(f.Data))
		unit := path.Base(name)
		if x == nil || path.Dir(name) != "/etc/systemd/system" || m.World.Units[unit] != "active" {
			continue
		}
		const pid = 6001
		s.Processes.List = append(s.Processes.List, snapshot.Process{PID: pid, PPID: 1, Name: "socat", Exe: "/usr/bin/socat", Args: strings.Fields(x[1]), State: "S", Unit: unit})
		at := map[bool]string{true: "127.0.0.1:", false: "0.0.0.0:"}[x[3] != ""] + x[2]
		s.Sockets.Listening = slices.DeleteFunc(s.Sockets.Listening, func(y snapshot.Socket) bool { return strings.HasSuffix(y.Address, ":"+x[2]) })
		s.Sockets.Listening = append(s.Sockets.Listening, snapshot.Socket{NetNS: "host", Protocol: "tcp", State: "listen", Address: at, Owners: []snapshot.SocketOwner{{PID: pid, Name: "socat", Exe: "/usr/bin/socat"}}})
		port, _ := strconv.Atoi(x[2])
		component := map[int]string{6443: "kube-apiserver", 10257: "kube-controller-manager", 10259: "kube-scheduler"}[port]
		if component == "" || m.World.Units[kubeletUnit] != "active" {
			continue
		}
		componentDown(s, component, end{ID: "listen-failed", Log: fmt.Sprintf("failed to create listener: failed to listen on 0.0.0.0:%d: listen tcp 0.0.0.0:%d: bind: address already in use", port, port)})
		if port == 6443 {
			apiDown(s, "EOF")
		}
	}
}
