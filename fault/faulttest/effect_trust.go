package faulttest

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// trustEffects are the consequences of faults of that area, and what its rules
// read of what runs.
var trustEffects = []func(*Machine, *snapshot.Snapshot){listening}

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
