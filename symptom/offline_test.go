package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// In the files of a node that is off nothing that runs can be missed.
func TestOffline(t *testing.T) {
	s := &snapshot.Snapshot{Node: "n", At: now, Offline: true,
		Kubelet: &snapshot.Kubelet{Kubeconfig: "/k", ClientCert: "/c"},
		Runtime: &snapshot.Runtime{Socket: "/run/x.sock", Error: "not asked"},
		Etcd:    &snapshot.Etcd{Endpoint: "https://127.0.0.1:2379", DataDir: "/d", DBFileSize: 9, Offline: true, Alarms: []snapshot.EtcdAlarm{{Member: "a", Kind: "NOSPACE"}}},
		Logs:    &snapshot.Logs{},
		PKI:     &snapshot.PKI{Certificates: []snapshot.Certificate{{Path: "/c", NotAfter: now.Add(-time.Hour)}}},
		Cluster: &snapshot.Cluster{Source: "etcd-file", ControlPlane: true, API: snapshot.APIServer{URL: "https://a"},
			Nodes:  []snapshot.Node{{Name: "n", Ready: "Unknown"}},
			Leases: []snapshot.Lease{{Namespace: "kube-system", Name: "kube-scheduler", Renewed: now.Add(-time.Hour)}}},
		Kubeconfigs: &snapshot.Kubeconfigs{Files: []snapshot.Kubeconfig{{Text: snapshot.Text{Path: "/etc/kubernetes/admin.conf"}, Error: "it is cut short"}}},
	}
	want := map[ID]State{EtcdReadOnly: Seen, KubeletRejected: Seen, AdminLockedOut: Seen, AdminRunsProgram: Absent, AdminAstray: Absent}
	for _, x := range All() {
		if got, _ := x.Look(s); got != want[x.ID] {
			t.Errorf("%s: state %v, want %v", x.ID, got, want[x.ID])
		}
	}
	s.PKI.Certificates[0].NotAfter = now.Add(time.Hour)
	if x, _ := Lookup(KubeletRejected); true {
		if got, _ := x.Look(s); got != NotLooked {
			t.Errorf("a sound certificate alone: state %v", got)
		}
	}
}
