package fault

import (
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// What has ended often is started at once, after what it needs; what runs, what
// is made anew anyway, and what the fault does not end are left alone.
func TestRevived(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ended := func(name string, attempt int) snapshot.Container {
		return snapshot.Container{Namespace: "kube-system", Name: name, State: "exited", Attempt: attempt}
	}
	running := func(name string, attempt int, since time.Duration) snapshot.Container {
		return snapshot.Container{Namespace: "kube-system", Name: name, State: "running", Attempt: attempt, Started: now.Add(-since)}
	}
	all := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
	for name, tt := range map[string]struct {
		here       []string
		containers []snapshot.Container
		plan       op.Plan
		want       []string
	}{
		"all have ended": {all, []snapshot.Container{ended("kube-scheduler", 5), ended("kube-controller-manager", 4), ended("kube-apiserver", 6), ended("etcd", 9)}, op.Plan{op.Chmod{Path: "/x"}},
			[]string{"etcd after ", "kube-apiserver after etcd", "kube-controller-manager after kube-apiserver", "kube-scheduler after kube-apiserver"}},
		"etcd is elsewhere": {all[1:], []snapshot.Container{ended("kube-apiserver", 6)}, op.Plan{op.Chmod{Path: "/x"}}, []string{"kube-apiserver after "}},
		"of two images": {all, []snapshot.Container{{Namespace: "kube-system", Name: "etcd", State: "exited", Attempt: 4, ImageID: "a"}, {Namespace: "kube-system", Name: "etcd", State: "exited", Attempt: 5, ImageID: "b"}},
			op.Plan{op.Chmod{Path: "/x"}}, nil},
		"not often":          {all, []snapshot.Container{ended("kube-apiserver", 0)}, op.Plan{op.Chmod{Path: "/x"}}, nil},
		"one of them runs":   {all, []snapshot.Container{ended("kube-apiserver", 6), running("kube-apiserver", 7, time.Hour)}, op.Plan{op.Chmod{Path: "/x"}}, nil},
		"it runs for now":    {all, []snapshot.Container{ended("kube-apiserver", 6), running("kube-apiserver", 7, time.Second)}, op.Plan{op.Chmod{Path: "/x"}}, []string{"kube-apiserver after etcd"}},
		"it was started now": {all, []snapshot.Container{running("kube-apiserver", 0, time.Second)}, op.Plan{op.Chmod{Path: "/x"}}, nil},
		"made anew":          {all, []snapshot.Container{ended("etcd", 6), ended("kube-apiserver", 7)}, op.Plan{op.WriteFile{Path: "/m/etcd.yaml"}, op.RestartStatic{Container: "kube-apiserver"}}, nil},
		"no plan":            {all, []snapshot.Container{ended("etcd", 6)}, nil, nil},
		"of a user":          {all, []snapshot.Container{{Namespace: "a", Name: "etcd", State: "exited", Attempt: 9}}, op.Plan{op.Chmod{Path: "/x"}}, nil},
	} {
		s := &snapshot.Snapshot{At: now, Static: &snapshot.Static{}, Runtime: &snapshot.Runtime{Containers: tt.containers}}
		for _, c := range tt.here {
			s.Static.Manifests = append(s.Static.Manifests, snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + c + ".yaml"}, Containers: []snapshot.ManifestContainer{{Name: c, Command: c}}})
		}
		f := &Fault{Explains: []symptom.Edge{{Symptom: symptom.EtcdDown}}}
		var got []string
		for _, o := range f.revived(s, tt.plan)[len(tt.plan):] {
			for _, w := range o.(op.ReviveStatic).Containers {
				got = append(got, w.Name+" after "+w.After)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
		f.Explains[0].Symptom = symptom.PodsUnready
		if got := f.revived(s, tt.plan); len(got) != len(tt.plan) {
			t.Errorf("%s: of a fault that ends no component: %v", name, got)
		}
	}
}
