package fault

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// saved puts a snapshot of etcd before a plan that needs one and has none.
func saved(s *snapshot.Snapshot, plan op.Plan) (op.Plan, error) {
	switch has := slices.ContainsFunc(plan, func(o op.Op) bool { _, ok := o.(op.EtcdSnapshot); return ok }); {
	case plan.Saved() != nil:
	case !has && savable(s.Etcd) && slices.ContainsFunc(plan, func(o op.Op) bool { return endangers(s, o) }):
	default:
		return plan, nil
	}
	save, err := EtcdSnapshot(s)
	if err != nil {
		return nil, err
	}
	return slices.Insert(slices.Clone(plan), 0, op.Op(save)), nil
}

// savable reports whether there is a member, or a data file, to be saved.
func savable(e *snapshot.Etcd) bool {
	return e != nil && (e.Reachable && e.Status != nil || e.DBPath != "" && e.DBFileSize > 0)
}

// endangers reports whether o changes which data the node's member runs on, or
// who may write it, where [op.WritesEtcd], which knows no member, does not see
// it: its folders may lie anywhere.
func endangers(s *snapshot.Snapshot, o op.Op) bool {
	switch x := o.(type) {
	case op.Chmod:
		return inMember(s, x.Path)
	case op.FileAttr:
		return inMember(s, x.Path)
	case op.CopyFile:
		return inMember(s, x.To)
	case op.Unmount:
		return inMember(s, x.Mount.Path) || aboveMember(s, x.Mount.Path)
	case op.MountOver:
		return inMember(s, x.Mount.Path) || aboveMember(s, x.Mount.Path)
	}
	name := op.Written(o)
	return name != "" && (inMember(s, name) || moves(s, name, o))
}

// memberDirs are the folders of the node's member.
func memberDirs(s *snapshot.Snapshot) []string {
	var dirs []string
	if s.Etcd != nil && s.Etcd.DataDir != "" {
		dirs = append(dirs, path.Clean(s.Etcd.DataDir))
	}
	if s.Static != nil {
		if _, c, ok := s.Static.Component("etcd"); ok {
			for _, f := range c.Flags {
				if f.Name == "wal-dir" && path.IsAbs(f.Value) {
					dirs = append(dirs, path.Clean(f.Value))
				}
			}
		}
	}
	return dirs
}

func inMember(s *snapshot.Snapshot, name string) bool {
	return slices.ContainsFunc(memberDirs(s), func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}

func aboveMember(s *snapshot.Snapshot, name string) bool {
	return slices.ContainsFunc(memberDirs(s), func(dir string) bool { return strings.HasPrefix(dir, strings.TrimSuffix(name, "/")+"/") })
}

// fateful are the flags by which a member takes other data than before, or makes
// a cluster of its own of it; and where its volumes lie.
var fateful = regexp.MustCompile(`--(?:data-dir|wal-dir|force-new-cluster|initial-cluster-state|initial-cluster-token)\b[^\n]*|(?m:^\s*(?:- )?path:.*$)`)

var etcdCommand = regexp.MustCompile(`(?m)^\s*- "?(?:/\S*/)?etcd"? *$`)

// StartsEtcd reports whether a manifest's text has etcd as a command.
func StartsEtcd(manifest string) bool { return etcdCommand.MatchString(manifest) }

// moves reports whether o changes one of them in the member's manifest.
func moves(s *snapshot.Snapshot, name string, o op.Op) bool {
	if !startsMember(s, name) {
		w, ok := o.(op.WriteFile)
		return ok && w.Pin == "" && StartsEtcd(string(w.Data))
	}
	switch x := o.(type) {
	case op.WriteFile:
		i := slices.IndexFunc(s.Static.Manifests, func(m snapshot.Manifest) bool { return m.Path == name })
		return !slices.Equal(fateful.FindAllString(s.Static.Manifests[i].Content, -1), fateful.FindAllString(string(x.Data), -1))
	case op.EditLine:
		return fateful.MatchString(strings.Join(slices.Concat(x.Old, x.New), "\n"))
	}
	return false
}

// startsMember reports whether the file is a static pod's with etcd in it.
func startsMember(s *snapshot.Snapshot, name string) bool {
	return s.Static != nil && slices.ContainsFunc(s.Static.Manifests, func(m snapshot.Manifest) bool {
		return m.Path == name && slices.ContainsFunc(m.Containers, func(c snapshot.ManifestContainer) bool { return c.Command == "etcd" })
	})
}
