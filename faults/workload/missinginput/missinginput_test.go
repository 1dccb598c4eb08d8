package missinginput

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
		name, reason, message, event, refused string
		why                                   string
	}{
		{"a ConfigMap", "CreateContainerConfigError", `configmap "x" not found`, "", "", "the configmap x"},
		{"a key", "CreateContainerConfigError", `couldn't find key password in Secret a/db`, "", "", "the key password of Secret a/db"},
		{"a volume's Secret", "ContainerCreating", "", `MountVolume.SetUp failed for volume "tls" : secret "tls" not found`, "", "the secret tls"},
		{"an account", "", "", "", `FailedCreate: pods "w-" is forbidden: error looking up service account a/x: serviceaccount "x" not found`, "the serviceaccount x"},
		{"a priority class", "", "", "", `FailedCreate: pods "w-" is forbidden: no PriorityClass with name high was found`, "the PriorityClass high"},
		{"a sandbox", "ContainerCreating", "", "network plugin is not ready", "", ""},
		{"a quota", "", "", "", "FailedCreate: exceeded quota: q", ""},
	} {
		s := &snapshot.Snapshot{Node: "n", Cluster: &snapshot.Cluster{}}
		if tt.refused != "" {
			s.Cluster.Controllers = []snapshot.Workload{{Kind: "ReplicaSet", Namespace: "a", Name: "w-1", Replicas: 1, Message: tt.refused}}
		} else {
			s.Cluster.Pods = []snapshot.Pod{{Namespace: "a", Name: "w-1-2", Owner: "ReplicaSet/w-1", Node: "n", Phase: "Pending", Reason: tt.reason, Message: tt.message}}
			s.Cluster.Events = []snapshot.Event{{Namespace: "a", Object: "Pod/w-1-2", Reason: "FailedMount", Message: tt.event}}
		}
		got := detect(s)
		if (len(got) == 1) != (tt.why != "") || len(got) == 1 && !strings.Contains(got[0].Summary, tt.why) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// What was made since is not missing, though the event stays for an hour.
func TestMadeSince(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for ago, want := range map[time.Duration]int{time.Minute: 1, 40 * time.Minute: 0} {
		s := &snapshot.Snapshot{Node: "n", At: now, Cluster: &snapshot.Cluster{
			Pods:   []snapshot.Pod{{Namespace: "a", Name: "p", Node: "n", Phase: "Pending", Reason: "ImagePullBackOff"}},
			Events: []snapshot.Event{{Namespace: "a", Object: "Pod/p", Reason: "FailedMount", Message: `configmap "x" not found`, Last: now.Add(-ago)}},
		}}
		if got := detect(s); len(got) != want {
			t.Errorf("%s ago: %+v", ago, got)
		}
	}
}
