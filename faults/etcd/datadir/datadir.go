// Package datadir is the fault of an etcd that keeps its data elsewhere than
// where the cluster's lies.
package datadir

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/certs"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "etcd/datadir",
	Layer:  fault.Etcd,
	Needs:  []snapshot.Section{snapshot.SectionStatic},
	Uses:   []snapshot.Section{snapshot.SectionEtcd, snapshot.SectionPKI},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.ObjectsGone, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.EtcdDown, Strength: symptom.Sometimes},
		{Symptom: symptom.ComponentDown, Strength: symptom.Sometimes},
		// An API server that knows a later revision than etcd waits for it.
		{Symptom: symptom.APIWritesFail, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.ControllersIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.SchedulerIdle, Strength: symptom.Sometimes, Cluster: true},
		{Symptom: symptom.KubeletCutOff, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

const flag = "data-dir"

func detect(s *snapshot.Snapshot) []finding.Finding {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok || len(etcd.File.Fields) == 0 {
		return nil // evidence of an older version does not tell of mounts
	}
	f, ok := etcd.Flag(flag)
	if !ok {
		return nil
	}
	dir := path.Clean(f.Value)
	at, line, mounted := host(etcd, dir)
	x := finding.Finding{Subject: etcd.Subject(flag), Facts: []finding.Fact{etcd.Quote(f.Line, "")}, Commands: []string{"grep -nE 'data-dir|hostPath|path:|mountPath' " + etcd.File.Path, "ls -la /var/lib/etcd*/member"}}
	own, known := manifest.Kubeadm(s, "etcd", flag)
	switch {
	case !mounted && astray(etcd.File):
		return nil // the volume is meant, and the field that says so is ill written
	case !mounted:
		x.Summary = fmt.Sprintf("etcd keeps its data in %s, which lies in its container and goes with it", dir)
		x.Facts[0].Want = "a folder below a volume of the node"
		if known {
			x.Facts[0].Want = "--data-dir=" + own
		}
	case known && at != own && holds(s, own):
		x.Summary = fmt.Sprintf("etcd keeps its data in %s of the node, and the cluster's lies in %s", at, own)
		x.Facts = append(x.Facts, etcd.Quote(line, own), finding.Fact{Source: own, Got: "a data folder of etcd that no member uses"})
	case unwritable(s, etcd):
		x.Summary = fmt.Sprintf("etcd runs as another user than the one who may write %s", at)
		x.Facts = append(x.Facts, finding.Fact{Source: at, Got: fmt.Sprintf("mode %04o, owner %d:%d", s.Etcd.Store.DirMode, s.Etcd.Store.DirUID, s.Etcd.Store.DirGID), Want: "the user that etcd runs as"})
	default:
		return nil
	}
	return []finding.Finding{x}
}

// astray reports whether the manifest means a mount or volume, and the kubelet
// does not read it so: that field is what is wrong.
func astray(m snapshot.Manifest) bool {
	return slices.ContainsFunc([]string{"volumeMounts", "volumes", "mountPath", "hostPath", "path", "name"}, func(f string) bool { return manifest.Ill(m, f) })
}

// host is where a folder of the container lies on the node, by which line of
// the manifest.
func host(etcd manifest.Part, dir string) (at string, line int, ok bool) {
	mounts := map[string]string{}
	for i := range etcd.File.Containers {
		base := fmt.Sprintf("spec.containers[%d].", i)
		if name, _ := etcd.File.Get(base + "name"); name.Value != etcd.Container.Name {
			continue
		}
		for j := range most {
			where, there := etcd.File.Get(fmt.Sprintf("%svolumeMounts[%d].mountPath", base, j))
			volume, _ := etcd.File.Get(fmt.Sprintf("%svolumeMounts[%d].name", base, j))
			sub, _ := etcd.File.Get(fmt.Sprintf("%svolumeMounts[%d].subPath", base, j))
			if there {
				mounts[path.Clean(where.Value)] = path.Join(volume.Value, sub.Value)
			}
		}
	}
	for d := dir; d != "/" && d != "."; d = path.Dir(d) {
		volume, ok := mounts[d]
		if !ok {
			continue
		}
		name, sub, _ := strings.Cut(volume, "/")
		for j := range most {
			base := fmt.Sprintf("spec.volumes[%d].", j)
			if n, _ := etcd.File.Get(base + "name"); n.Value != name {
				continue
			}
			p, there := etcd.File.Get(base + "hostPath.path")
			if !there {
				return "", 0, false // a volume that goes with the pod
			}
			return path.Join(p.Value, sub, strings.TrimPrefix(dir, d)), p.Line, true
		}
	}
	return "", 0, false
}

// most bounds the volumes and mounts that are looked at.
const most = 40

// holds reports whether a folder is known to hold data of an etcd that is not
// in use.
func holds(s *snapshot.Snapshot, dir string) bool {
	if s.Etcd == nil || s.Etcd.Store == nil || s.Etcd.DataDir == dir {
		return false
	}
	for _, o := range s.Etcd.Store.Others {
		if path.Clean(o) == dir {
			return true
		}
	}
	return false
}

// unwritable reports whether etcd runs as a user who may not write its folder,
// though its certificates are that user's: else the user is wrong.
func unwritable(s *snapshot.Snapshot, etcd manifest.Part) bool {
	if s.Etcd == nil || s.Etcd.Store == nil || s.Etcd.Store.DirMode == 0 || s.Etcd.Reachable || s.PKI == nil {
		return false
	}
	uid, gid, _ := manifest.User(etcd.File)
	return uid > 0 && uid != int64(s.Etcd.Store.DirUID) && s.Etcd.Store.DirMode&0o022 == 0 && !certs.Foreign(s, etcd.File.Path, uid, gid)
}

// remedy gives the flag back its folder. Which of two folders on the node
// holds what is wanted is for a person: both may have been written.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	own, known := manifest.Kubeadm(s, "etcd", flag)
	if !ok || !known {
		return nil, errors.New("cannot say where etcd's data is to lie: no manifest of kubeadm starts it")
	}
	x, _ := etcd.Flag(flag)
	if _, _, mounted := host(etcd, path.Clean(x.Value)); mounted {
		return nil, fmt.Errorf("cannot say which data is to hold: stop etcd, compare the folder in use with %s by `etcdutl snapshot status DIR/member/snap/db`, and let the manifest name the right one", own)
	}
	if _, _, mounted := host(etcd, own); !mounted {
		return nil, fmt.Errorf("cannot put etcd's data back: %s has no volume at %s", etcd.File.Path, own)
	}
	plan, err := etcd.Change().Set(etcd, flag, own).Plan("etcd's data lies on the node")
	if e := s.Etcd; err == nil && e != nil && e.Reachable && e.Status != nil { // what lies in the container goes with it
		save, _ := fault.EtcdSnapshot(s) // it answers
		plan = slices.Insert(plan, 0, op.Op(save))
	}
	return plan, err
}

// drill lets etcd keep its data in its container.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	etcd, ok := manifest.Find(s, "etcd")
	if !ok || !manifest.IsKubeadm(s) {
		return nil, errors.New("cannot move etcd's data: no manifest of kubeadm starts it")
	}
	dir := fault.Pick(d, []string{"/var/lib/etcd-data", "/var/etcd", "/data/etcd", "/etcd-data", "/var/lib/etcd3"})
	return etcd.Change().Set(etcd, flag, dir).Plan("another data folder")
}
