package etcd

import (
	"context"
	"fmt"
	"path"
	"slices"

	"github.com/klustered/klustered/internal/collect/host"
	"github.com/klustered/klustered/internal/collect/kubelet"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

// Find finds the node's member as the collector does, for those who have no
// snapshot: in the kubelet's folder of static pods, wherever that is, among the
// processes, and in the usual folders of data.
func Find(ctx context.Context, e *source.Env) (member.Config, bool) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s := &snapshot.Snapshot{}
	read := func(e *source.Env, list []source.Collector, sections ...snapshot.Section) {
		defer e.Close() // and with it the gaps, which are nobody's
		for _, c := range list {
			if slices.Contains(sections, c.Section) {
				_ = c.Collect(ctx, e, s) // what cannot be read is not there
			}
		}
	}
	if e.Live {
		read(source.New(e.Root, true), host.Collectors(), snapshot.SectionProcesses)
	}
	// its files tell where the kubelet looks: it is not asked, nor is anybody else
	read(source.New(e.Root, false), kubelet.Collectors(), snapshot.SectionKubelet, snapshot.SectionStatic)
	return config(e, s, processes(s))
}

// config finds how the member runs: from the static pods' manifests, from the
// usual folder when those were not collected, else from a process.
func config(e *source.Env, s *snapshot.Snapshot, procs []snapshot.Process) (member.Config, bool) {
	cfg, ok := member.Config{}, false
	if s.Static != nil {
		texts := map[string][]byte{}
		var names []string
		for _, m := range s.Static.Manifests {
			names = append(names, m.Path)
			texts[m.Path] = []byte(m.Content)
		}
		cfg, ok = member.FindIn(names, texts)
	} else {
		cfg, ok = member.Find(e, "")
	}
	if ok {
		return cfg, true
	}
	for _, p := range procs {
		if len(p.Args) > 1 {
			cfg = member.FromArgs(p.Args)
			if cfg.Quota != member.DefaultQuota {
				cfg.QuotaSource = fmt.Sprintf("/proc/%d/cmdline", p.PID)
			}
			return cfg, true
		}
	}
	// A member that nothing starts any more, or that K3s has in itself. Its data
	// file may be gone.
	return member.Default(func(db string) bool { return e.Exists(path.Dir(path.Dir(db))) })
}
