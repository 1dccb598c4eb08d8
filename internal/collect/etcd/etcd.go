// Package etcd collects the etcd member of the node: from its sockets while it
// answers, and from its own files whether it does or not.
package etcd

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Deadlines: the socket and the file are read at once, each on its own. A
// member tells its status from memory: one that does not within answerTime is
// not there, while a read that its members agree on may have to wait longer.
const (
	timeout    = 2600 * time.Millisecond
	socketTime = 2300 * time.Millisecond
	answerTime = 1500 * time.Millisecond
	fileTime   = 2000 * time.Millisecond
)

// Collectors returns the collector of the etcd section. On a node that has no
// member the section is there and its DataDir is "".
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionEtcd,
		After:   []snapshot.Section{snapshot.SectionStatic, snapshot.SectionProcesses},
		Timeout: timeout,
		Collect: collect,
	}}
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	procs := processes(s)
	cfg, ok := config(e, s, procs)
	if !ok {
		s.Etcd = &snapshot.Etcd{}
		return nil
	}
	x := &snapshot.Etcd{
		Running: len(procs) > 0, DataDir: cfg.DataDir, DBPath: cfg.DB(),
		Quota: cfg.Quota, QuotaSource: cfg.QuotaSource, QuotaLine: cfg.QuotaLine, Endpoint: cfg.Clients[0],
	}
	if i, err := e.Stat(cfg.DataDir); err == nil {
		x.Device = i.Device()
	}
	if i, err := e.Stat(x.DBPath); err == nil {
		x.DBFileSize = i.Size
	}
	var wg sync.WaitGroup
	var on online
	var off offline
	if e.Live {
		wg.Go(func() { on = ask(ctx, e, cfg, socketTime) })
	}
	wg.Go(func() {
		off = read(ctx, e, cfg, !x.Running, fileTime)
		if !e.Live {
			return
		}
		var members []snapshot.EtcdMember
		if off.View != nil {
			members = off.Members
		}
		x.Endpoints = endpoints(s, cfg, members)
		askAll(ctx, e, cfg, x.Endpoints)
	})
	wg.Wait()
	merge(x, cfg, on, off)
	if e.Live {
		x.Certificate = cfg.Shown(e)
	}
	if off.View != nil {
		x.Store, x.WAL = storeOf(e, cfg, off.View, off.err), walOf(off.View)
	}
	s.Etcd = x
	return gaps(e, x, on, off)
}

// gaps records what could not be had. That a member which does not run does
// not answer is no gap: it is evidence.
func gaps(e *source.Env, x *snapshot.Etcd, on online, off offline) error {
	if e.Live && x.Running && on.err != nil {
		e.Gap(snapshot.SectionEtcd, x.Endpoint, on.err)
	}
	e.Gap(snapshot.SectionEtcd, "metrics", on.metricsErr)
	e.Gap(snapshot.SectionEtcd, x.DBPath, off.err)
	if !x.Reachable && off.View == nil {
		return errors.New("cannot read etcd: it does not answer and its file cannot be read")
	}
	return nil
}

// processes are those of the node's own member: they live, and in the node's
// network. One in a pod's is somebody's workload.
func processes(s *snapshot.Snapshot) []snapshot.Process {
	if s.Processes == nil {
		return nil
	}
	var host uint64
	for _, p := range s.Processes.List {
		if p.PID == 1 {
			host = p.NetNS
		}
	}
	var out []snapshot.Process
	for _, p := range s.Processes.ByName("etcd") {
		if p.State != "Z" && (host == 0 || p.NetNS == 0 || p.NetNS == host) {
			out = append(out, p)
		}
	}
	return out
}
