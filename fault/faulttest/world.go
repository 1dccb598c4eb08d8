package faulttest

import (
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A World is what of the simulated node is not in its files. The sections are
// as they are while nothing is wrong; what follows from the files, the units
// and each other is added when a snapshot is taken: see effect.go.
type World struct {
	Host      *snapshot.Host
	Processes *snapshot.Processes
	Runtime   *snapshot.Runtime
	Network   *snapshot.Network // its qdiscs are the live ones
	Probes    *snapshot.Probes
	Etcd      *snapshot.Etcd // its alarms and sizes are the live ones
	Cluster   *snapshot.Cluster
	Logs      *snapshot.Logs

	Descriptors *snapshot.Descriptors
	Locks       *snapshot.Locks
	BPF         *snapshot.BPF

	Units   map[string]string          // ActiveState by name
	Objects map[string]json.RawMessage // API objects by REST path
	Guards  map[string]op.Guard
}

// newWorld returns the healthy world.
func newWorld() *World {
	w := &World{
		Units:       map[string]string{"kubelet.service": "active", "containerd.service": "active", "cron.service": "active", "logrotate.timer": "active"},
		Guards:      map[string]op.Guard{},
		Descriptors: &snapshot.Descriptors{}, Locks: &snapshot.Locks{}, BPF: &snapshot.BPF{},
	}
	parts := map[string]any{
		"host": &w.Host, "processes": &w.Processes, "runtime": &w.Runtime, "network": &w.Network, "probes": &w.Probes,
		"etcd": &w.Etcd, "cluster": &w.Cluster, "logs": &w.Logs, "objects": &w.Objects,
	}
	for _, f := range txtar.Parse(healthyWorld).Files {
		if err := json.Unmarshal(f.Data, parts[f.Name]); err != nil {
			panic(fmt.Sprintf("cannot read testdata/world.txtar: %s: %v", f.Name, err))
		}
	}
	w.stock()
	return w
}

// clone returns a deep copy of anything that is plain data.
func clone[T any](v T) T {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var c T
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	return c
}

// state renders what undo has to put back, one entry a thing. How full etcd is
// is not among it: that follows from what was written.
func (w *World) state(all map[string]string) {
	for name, s := range w.Units {
		if s != "inactive" {
			all["unit "+name] = s
		}
	}
	for name, g := range w.Guards {
		all["guard "+name] = fmt.Sprint(g)
	}
	for _, p := range w.Processes.List {
		if p.State == "T" {
			all[fmt.Sprint("process ", p.PID)] = "stopped"
		}
	}
	for _, a := range w.Etcd.Alarms {
		all["etcd alarm "+a.Kind] = a.Member
	}
	for _, n := range w.Network.Namespaces {
		for _, q := range n.Qdiscs {
			all["qdisc "+strings.Join([]string{n.Name(), q.Link, q.Parent}, " ")] = fmt.Sprintf("%s %d %d %g %g %d %d %d %x",
				q.Kind, q.DelayUs, q.JitterUs, q.LossPct, q.CorruptPct, q.RateBps, q.BurstBytes, q.LimitBytes, q.Raw)
		}
	}
	w.filterState(all)
	w.routeState(all)
	for path, body := range w.Objects {
		all["object "+path] = string(plain(body))
	}
}

// plain is an object without what the API server sets, in canonical form.
func plain(body json.RawMessage) json.RawMessage {
	var x map[string]any
	if err := json.Unmarshal(body, &x); err != nil {
		return body
	}
	if meta, ok := x["metadata"].(map[string]any); ok {
		delete(meta, "uid")
		delete(meta, "resourceVersion")
		delete(meta, "creationTimestamp")
	}
	delete(x, "status")
	data, err := json.Marshal(x)
	if err != nil {
		return body
	}
	return data
}
