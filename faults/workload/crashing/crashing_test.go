package crashing

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		name string
		pod  snapshot.Pod
		c    snapshot.PodContainer
		why  string
	}{
		{"runs", snapshot.Pod{}, snapshot.PodContainer{State: "running", Restarts: 9}, ""},
		{"ends", snapshot.Pod{}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{ExitCode: 1}}, "exit code 1"},
		{"out of memory", snapshot.Pod{}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Limits: map[string]string{"memory": "8Mi"}, Last: &snapshot.Termination{ExitCode: 137, Reason: "OOMKilled"}}, "limit of 8Mi"},
		{"another node's", snapshot.Pod{Node: "m"}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff"}, ""},
		{"a static pod", snapshot.Pod{Owner: "Node/n"}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff"}, ""},
		{"CoreDNS", snapshot.Pod{Namespace: "kube-system", ServiceAccount: "coredns"}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff"}, ""},
		{"killed by a probe", snapshot.Pod{Namespace: "a", Name: "killed"}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff"}, ""},
		{"over", snapshot.Pod{Phase: "Failed", Reason: "OutOfpods"}, snapshot.PodContainer{State: "waiting", Reason: "CrashLoopBackOff", Last: &snapshot.Termination{ExitCode: 2}}, ""},
		{"an image", snapshot.Pod{}, snapshot.PodContainer{State: "waiting", Reason: "ImagePullBackOff"}, ""},
	} {
		p := tt.pod
		if p.Node == "" {
			p.Node = "n"
		}
		p.Detail = &snapshot.PodDetail{Containers: []snapshot.PodContainer{tt.c}}
		s := &snapshot.Snapshot{Node: "n", Cluster: &snapshot.Cluster{Pods: []snapshot.Pod{p}, Events: []snapshot.Event{
			{Namespace: "a", Object: "Pod/killed", Reason: "Killing", Message: "Container c failed liveness probe, will be restarted"},
		}}}
		got := detect(s)
		if (len(got) == 1) != (tt.why != "") || len(got) == 1 && !strings.Contains(got[0].Summary, tt.why) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// Pods of the version before that are ready show that a crash is the new one's
// own; those of a later version do not.
func TestItself(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := snapshot.Pod{Namespace: "a", Name: "web-2-x", Owner: "ReplicaSet/web-2", Created: now}
	for age, want := range map[time.Duration]bool{time.Hour: true, -time.Hour: false} {
		other := snapshot.Pod{Namespace: "a", Name: "web-1-x", Owner: "ReplicaSet/web-1", Ready: true, Created: now.Add(-age)}
		if got := itself(&snapshot.Cluster{Pods: []snapshot.Pod{p, other}}, p, snapshot.PodContainer{}); got != want {
			t.Errorf("beside one that is %v older: %v", age, got)
		}
	}
}
