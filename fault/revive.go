package fault

import (
	"cmp"
	"path"
	"slices"
	"time"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// needs are the components of a control plane, each after the one without which
// it ends.
var needs = []struct{ name, after string }{
	{"etcd", ""}, {"kube-apiserver", "etcd"}, {"kube-controller-manager", "kube-apiserver"}, {"kube-scheduler", "kube-apiserver"},
}

// often is the attempt from which the kubelet waits so long before the next one
// (20 s, and twice as long each time) that it is worth having it start the
// container at once.
const often = 1

// brief is how long a container may run that will end again.
const brief = time.Minute

// revived is the plan with what the kubelet would wait to start again, though
// the plan repairs what it ended by.
func (f *Fault) revived(s *snapshot.Snapshot, plan op.Plan) op.Plan {
	ends := func(e symptom.Edge) bool {
		return e.Symptom == symptom.ComponentDown || e.Symptom == symptom.EtcdDown || e.Symptom == symptom.APIDown
	}
	if s.Static == nil || s.Runtime == nil || len(plan) == 0 || !slices.ContainsFunc(f.Explains, ends) {
		return plan
	}
	var waiting []op.Waiting
	for _, x := range needs {
		m, c, ok := s.Static.Component(x.name)
		if !ok || !waits(s, c.Name) || anew(plan, m.Path, c.Name) {
			continue
		}
		if _, _, here := s.Static.Component(x.after); !here {
			x.after = ""
		}
		waiting = append(waiting, op.Waiting{Name: c.Name, After: x.after})
	}
	if len(waiting) == 0 {
		return plan
	}
	return append(plan, op.ReviveStatic{Containers: waiting, Socket: cmp.Or(s.Runtime.Socket, "/run/containerd/containerd.sock")})
}

// waits reports whether the container of that name of a static pod has ended
// often, and none runs that will stay. Attempts of different images are evidence,
// which would go with them.
func waits(s *snapshot.Snapshot, name string) bool {
	ended, image := false, ""
	for _, c := range s.Runtime.Containers {
		if c.Namespace != "kube-system" || c.Name != name {
			continue
		}
		if c.State == "running" && (c.Attempt < often || s.At.Sub(c.Started) > brief) {
			return false
		}
		if image != "" && c.ImageID != image {
			return false
		}
		ended, image = ended || c.Attempt >= often, c.ImageID
	}
	return ended
}

// anew reports whether the plan has the kubelet make the pod anew anyway.
func anew(plan op.Plan, manifest, container string) bool {
	return slices.ContainsFunc(plan, func(o op.Op) bool {
		switch o := o.(type) {
		case op.WriteFile:
			return path.Clean(o.Path) == path.Clean(manifest)
		case op.RestartStatic:
			return o.Container == container
		}
		return false
	})
}
