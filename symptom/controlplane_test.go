package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// plane is a node whose manifests run the components named, of which those of
// running have a process.
func plane(manifests, running []string, fs ...func(*snapshot.Snapshot)) *snapshot.Snapshot {
	return snap(append([]func(*snapshot.Snapshot){func(s *snapshot.Snapshot) {
		s.Static, s.Processes, s.Runtime = &snapshot.Static{Dir: "/m"}, &snapshot.Processes{}, &snapshot.Runtime{Reachable: true}
		s.Kubeconfigs = &snapshot.Kubeconfigs{}
		for _, m := range manifests {
			s.Static.Manifests = append(s.Static.Manifests, snapshot.Manifest{Text: snapshot.Text{Path: "/m/" + m + ".yaml"},
				Containers: []snapshot.ManifestContainer{{Name: m, Command: m}}})
		}
		for i, r := range running {
			s.Processes.List = append(s.Processes.List, snapshot.Process{PID: 10 + i, Name: r, Args: []string{r}})
		}
	}}, fs...)...)
}

// ran is a container of a component that started and ended so long ago; 0 has
// not ended.
func ran(name string, attempt int, started, ended time.Duration) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		c := snapshot.Container{Namespace: "kube-system", Name: name, Attempt: attempt, Created: now.Add(-started), Started: now.Add(-started), State: "running"}
		if ended > 0 {
			c.State, c.Finished, c.Reason, c.ExitCode = "exited", now.Add(-ended), "Error", 1
		}
		s.Runtime.Containers = append(s.Runtime.Containers, c)
	}
}

func credential(path string) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Kubeconfigs.Files = append(s.Kubeconfigs.Files, snapshot.Kubeconfig{Text: snapshot.Text{Path: path}})
	}
}

func TestComponentDown(t *testing.T) {
	all := []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
	sched := []string{"kube-scheduler"}
	for _, tt := range []struct {
		name string
		s    *snapshot.Snapshot
		want State
	}{
		{"all_run", plane(all, all), Absent},
		{"one_does_not", plane(all, all[:3]), Seen},
		{"a_worker", plane(nil, nil, credential("/etc/kubernetes/scheduler.conf")), NotLooked},
		{"other_static_pods", plane([]string{"haproxy"}, nil), NotLooked},
		{"ended", plane(sched, nil, ran("kube-scheduler", 4, 20*time.Second, 10*time.Second)), Seen},
		{"ends_again_and_again", plane(sched, sched, ran("kube-scheduler", 4, 50*time.Second, 30*time.Second), ran("kube-scheduler", 5, 10*time.Second, 0)), Seen},
		{"restarted_once", plane(sched, sched, ran("kube-scheduler", 0, 50*time.Second, 30*time.Second), ran("kube-scheduler", 1, 10*time.Second, 0)), Absent},
		{"restarted_once_while_the_rest_runs", plane(sched, sched, ran("etcd", 0, time.Hour, 0), ran("kube-apiserver", 0, time.Hour, 0),
			ran("kube-scheduler", 0, 50*time.Second, 30*time.Second), ran("kube-scheduler", 1, 10*time.Second, 0)), Seen},
		{"restarted_once_while_the_rest_starts", plane(sched, sched, ran("etcd", 0, 80*time.Second, 0), ran("kube-apiserver", 0, 70*time.Second, 0),
			ran("kube-scheduler", 0, 50*time.Second, 30*time.Second), ran("kube-scheduler", 1, 10*time.Second, 0)), Absent},
		{"outlives_the_last_one", plane(sched, sched, ran("kube-scheduler", 4, 150*time.Second, 120*time.Second), ran("kube-scheduler", 5, 100*time.Second, 0)), Absent},
		{"outlives_it_after_many", plane(sched, sched, ran("kube-scheduler", 40, 150*time.Second, 120*time.Second), ran("kube-scheduler", 41, 100*time.Second, 0)), Seen},
		{"lost_its_first_lease", plane(sched, sched, ran("etcd", 0, time.Hour, 0), ran("kube-apiserver", 0, time.Hour, 0),
			ran("kube-scheduler", 0, 150*time.Second, 30*time.Second), ran("kube-scheduler", 1, 10*time.Second, 0)), Absent},
		{"does_not_yet", plane(sched, sched, ran("kube-scheduler", 4, 150*time.Second, 90*time.Second), ran("kube-scheduler", 5, 80*time.Second, 0)), Seen},
		{"restarted_often_before_but_runs", plane(sched, sched, ran("kube-scheduler", 4, 90*time.Minute, 89*time.Minute), ran("kube-scheduler", 5, time.Hour, 0)), Absent},
		{"restarted_after_long_service", plane(sched, sched, ran("kube-scheduler", 4, 90*time.Minute, time.Minute), ran("kube-scheduler", 5, time.Minute, 0)), Absent},
		{"what_it_needs_was_renewed", plane(sched, sched, ran("etcd", 0, 90*time.Second, 0), ran("kube-scheduler", 40, 150*time.Second, 85*time.Second), ran("kube-scheduler", 41, 80*time.Second, 0)), Absent},
		{"it_was_renewed_just_now", plane(sched, sched, ran("etcd", 0, 90*time.Second, 0), ran("kube-scheduler", 40, 150*time.Second, 50*time.Second), ran("kube-scheduler", 41, 40*time.Second, 0)), Seen},
		{"it_was_renewed_before", plane(sched, sched, ran("etcd", 0, 200*time.Second, 0), ran("kube-scheduler", 40, 150*time.Second, 85*time.Second), ran("kube-scheduler", 41, 80*time.Second, 0)), Seen},
		{"what_it_needs_ends_often", plane(sched, sched, ran("etcd", 3, 90*time.Second, 0), ran("kube-scheduler", 40, 150*time.Second, 85*time.Second), ran("kube-scheduler", 41, 80*time.Second, 0)), Seen},
		{"what_it_needs_ended_often", plane(sched, sched, ran("kube-apiserver", 4, 170*time.Second, 160*time.Second), ran("kube-apiserver", 5, 90*time.Second, 0), ran("kube-scheduler", 40, 150*time.Second, 85*time.Second), ran("kube-scheduler", 41, 80*time.Second, 0)), Absent},
		{"what_it_needs_ends_as_often_as_before", plane(sched, sched, ran("kube-apiserver", 4, 300*time.Second, 95*time.Second), ran("kube-apiserver", 5, 90*time.Second, 0), ran("kube-scheduler", 40, 150*time.Second, 85*time.Second), ran("kube-scheduler", 41, 80*time.Second, 0)), Seen},
		{"what_it_needs_ended", plane(sched, sched, ran("etcd", 0, 90*time.Second, time.Second), ran("kube-scheduler", 40, 150*time.Second, 85*time.Second), ran("kube-scheduler", 41, 80*time.Second, 0)), Seen},
		{"manifest_gone", plane(all[:3], all[:3], credential("/etc/kubernetes/scheduler.conf")), Seen},
		{"runs_as_a_service", plane(all[:3], all, credential("/etc/kubernetes/scheduler.conf")), Absent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, facts := componentDown(tt.s); got != tt.want || (got == Seen) != (len(facts) > 0) {
				t.Errorf("state %v, want %v; facts %+v", got, tt.want, facts)
			}
		})
	}
}

// A component that elects no leader, or by another lease, is not idle for an
// old one.
func TestIdleWithoutElection(t *testing.T) {
	s := plane([]string{"kube-scheduler"}, []string{"kube-scheduler"}, lease("kube-system", "kube-scheduler", time.Hour))
	if got, _ := idle(s, "kube-scheduler"); got != Seen {
		t.Errorf("an old lease: state %v", got)
	}
	c := &s.Static.Manifests[0].Containers[0]
	for _, f := range []snapshot.Flag{{Name: "leader-elect", Value: "false"}, {Name: "leader-elect-resource-name", Value: "other"}} {
		c.Flags = []snapshot.Flag{f}
		if got, _ := idle(s, "kube-scheduler"); got != NotLooked {
			t.Errorf("%+v: state %v", f, got)
		}
	}
}
