package nospace

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// member is a member over its quota that one ConfigMap filled.
func member() *snapshot.Etcd {
	return &snapshot.Etcd{
		Endpoint: "https://127.0.0.1:2379", Reachable: true, DBPath: "/db", Quota: 16 << 20, QuotaSource: "/m/etcd.yaml", QuotaLine: 9,
		Members:  []snapshot.EtcdMember{{ID: "a1", Name: "cp1"}, {ID: "b2", Name: "cp2", ClientURLs: []string{"https://b:2379"}}, {ID: "c3", Name: "cp3", ClientURLs: []string{"https://c:2379"}}, {ID: "d4", Learner: true, ClientURLs: []string{"https://d:2379"}}},
		Status:   &snapshot.EtcdStatus{MemberID: "a1", Leader: "a1", Revision: 77, DBSize: 17 << 20, InUse: 16 << 20},
		Alarms:   []snapshot.EtcdAlarm{{Member: "a1", Kind: "NOSPACE"}},
		Prefixes: []snapshot.EtcdPrefix{{Prefix: "/registry/configmaps/", Keys: 3, Bytes: 1 << 20, Versions: 40}},
		Writers: []snapshot.EtcdWriter{
			{Key: "/registry/configmaps/apps/nightly-2", Version: 30, Bytes: 500_000, Churn: 15_000_000, Manager: "curl", Kind: "ConfigMap", Namespace: "apps", Name: "nightly-2"},
			{Key: "/registry/leases/kube-system/x", Version: 3000, Bytes: 400, Churn: 1_200_000, Kind: "Lease", Namespace: "kube-system", Name: "kube-scheduler"},
		},
	}
}

func TestWhoIsAccused(t *testing.T) {
	tests := map[string]struct {
		change func(e *snapshot.Etcd)
		want   string // of the subjects
		facts  int
	}{
		"alarm":              {func(*snapshot.Etcd) {}, "member/cp1", 5},
		"another's alarm":    {func(e *snapshot.Etcd) { e.Alarms[0].Member = "b2" }, "member/cp2", 3},
		"corrupt":            {func(e *snapshot.Etcd) { e.Alarms[0].Kind = "CORRUPT"; e.Status.DBSize = 5 }, "", 0},
		"alarm to come":      {func(e *snapshot.Etcd) { e.Alarms = nil }, "member/cp1", 4},
		"offline, at quota":  {func(e *snapshot.Etcd) { e.Alarms, e.Reachable, e.Offline = nil, false, true }, "member/cp1", 4},
		"below the quota":    {func(e *snapshot.Etcd) { e.Alarms, e.Quota = nil, 2<<30 }, "", 0},
		"no quota":           {func(e *snapshot.Etcd) { e.Alarms, e.Quota = nil, -1 }, "", 0},
		"nothing is known":   {func(e *snapshot.Etcd) { *e = snapshot.Etcd{} }, "", 0},
		"silent, no file":    {func(e *snapshot.Etcd) { *e = snapshot.Etcd{DataDir: "/d", Running: true} }, "", 0},
		"alarm, no size":     {func(e *snapshot.Etcd) { e.Status = nil }, "member/cp1", 3},
		"alarm of an old ID": {func(e *snapshot.Etcd) { e.Alarms[0].Member = "ff" }, "member/ff", 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := member()
			tt.change(e)
			var got []string
			for _, f := range detect(&snapshot.Snapshot{Etcd: e}) {
				got = append(got, f.Subject.String())
				if len(f.Facts) != tt.facts {
					t.Errorf("got %d facts, want %d: %+v", len(f.Facts), tt.facts, f.Facts)
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

func TestMention(t *testing.T) {
	w := snapshot.EtcdWriter{Name: "nightly-2"}
	tests := map[string]bool{
		"kubectl replace configmap nightly-2":  true,
		"curl .../configmaps/nightly-2?x":      true,
		"for i in 1 2; do put nightly-$i":      true,
		"put nightly-{1..3}":                   true,
		`put "nightly-"$i`:                     true,
		"kubectl get configmap nightly-20":     false,
		"kubectl get configmap my-nightly-2":   false,
		"kubectl get configmap nightly-2-old":  false,
		"nightly reports are written at night": false,
		"":                                     false,
	}
	for text, want := range tests {
		if got := mention(w).MatchString(text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
	if mention(snapshot.EtcdWriter{Name: "x"}) != nil {
		t.Error("a name of one letter proves something")
	}
}

func TestHands(t *testing.T) {
	entry := snapshot.Persistent{Kind: "cron.d", Source: "/etc/cron.d/r", Line: 2, Text: "* * * * * root /r", Command: "/r", Enabled: true,
		Scripts: []snapshot.Text{{Path: "/r", Content: "#!/bin/sh\nkubectl replace configmap/nightly-2\n"}}}
	off := entry
	off.Enabled = false
	reader := entry
	reader.Scripts = []snapshot.Text{{Path: "/r", Content: "echo nightly-2 is written elsewhere\n"}}
	deployment := snapshot.Workload{Kind: "Deployment", Namespace: "apps", Name: "reporter", Replicas: 1, Commands: []string{"img curl -X PUT https://kubernetes.default/api/v1/namespaces/apps/configmaps/nightly-2"}}
	idle := deployment
	idle.Replicas = 0
	tests := map[string]struct {
		s    snapshot.Snapshot
		want string
	}{
		"none":               {snapshot.Snapshot{}, ""},
		"cron and script":    {snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{entry}}}, "/etc/cron.d/r:2 /r:2"},
		"switched off":       {snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{off}}}, ""},
		"only speaks of it":  {snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{reader}}}, ""},
		"static pod":         {snapshot.Snapshot{Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/m/r.yaml", Content: "a\n- curl /api/v1/namespaces/apps/configmaps/nightly-2\n"}}}}}, "/m/r.yaml:2"},
		"workload":           {snapshot.Snapshot{Cluster: &snapshot.Cluster{Workloads: []snapshot.Workload{deployment}}}, "Deployment apps/reporter"},
		"scaled to nothing":  {snapshot.Snapshot{Cluster: &snapshot.Cluster{Workloads: []snapshot.Workload{idle}}}, ""},
		"a process":          {snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 9, Args: []string{"kubectl", "replace", "nightly-2"}}}}}, "/proc/9/cmdline"},
		"an unrelated timer": {snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Kind: "timer", Command: "kubectl get nodes", Enabled: true}}}}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, h := range hands(&tt.s, fillers(member())) {
				for _, f := range h.facts {
					got = append(got, f.Place())
				}
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %q", got, tt.want)
			}
		})
	}
}

// What Kubernetes itself writes all the time fills nothing, and a part of
// Kubernetes that names an object is never stopped.
func TestKubernetesItselfIsNotAccused(t *testing.T) {
	old := member()
	old.Writers = append(old.Writers,
		snapshot.EtcdWriter{Key: "/registry/minions/node-one", Version: 900_000, Bytes: 9000, Churn: 8_100_000_000, Kind: "Node", Name: "node-one"},
		snapshot.EtcdWriter{Key: "/registry/leases/kube-node-lease/node-one", Version: 9_000_000, Bytes: 400, Churn: 3_600_000_000, Kind: "Lease", Namespace: "kube-node-lease", Name: "node-one"})
	if got := fillers(old); len(got) != 1 || got[0].Kind != "ConfigMap" {
		t.Errorf("accuses %+v", got)
	}
	etcd := "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=nightly-2\n    - --listen-client-urls=https://10.0.0.1:2379\n"
	s := &snapshot.Snapshot{Etcd: old,
		Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/etc/kubernetes/manifests/etcd.yaml", Content: etcd}}}},
		Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{
			{Kind: "service", Source: "/etc/systemd/system/kubelet.service", Enabled: true, Running: true, Command: "/usr/bin/kubelet --hostname-override=nightly-2"},
			{Kind: "service", Source: "/etc/systemd/system/k3s.service", Enabled: true, Running: true, Command: "/usr/local/bin/k3s server --node-name nightly-2"},
		}}}
	if got := hands(s, fillers(old)); len(got) > 0 {
		t.Errorf("would stop %+v", got[0].facts)
	}
}

func TestPlanOfThreeMembersAndAWorkload(t *testing.T) {
	s := &snapshot.Snapshot{Node: "cp1", Etcd: member(), Cluster: &snapshot.Cluster{Workloads: []snapshot.Workload{
		{Kind: "Deployment", Namespace: "apps", Name: "reporter", Replicas: 2, Commands: []string{"img curl https://kubernetes.default/ nightly-2"}}}}}
	plan, err := Fault.Plan(s, detect(s)[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range plan {
		line := o.Kind()
		switch o := o.(type) {
		case op.EtcdDefragment:
			line += " " + o.Endpoint
		case op.PatchObject:
			line += fmt.Sprintf(" %s %s", o.Path, o.Patch)
		case op.EtcdSnapshot:
			line += " " + o.Path
		}
		got = append(got, line)
	}
	want := []string{
		"etcd-snapshot /var/lib/klustered/etcd/cp1-77.db", "etcd-compact",
		"etcd-defragment https://b:2379", "etcd-defragment https://c:2379",
		"etcd-keep-quorum", "etcd-defragment https://127.0.0.1:2379", // the others were not seen to answer
		"etcd-disarm", `patch-object /apis/apps/v1/namespaces/apps/deployments/reporter {"spec":{"replicas":0}}`, "etcd-prove-write",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestRemedyRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(s *snapshot.Snapshot)
		want   string
	}{
		"too much live data": {func(s *snapshot.Snapshot) {
			s.Etcd.Prefixes = append(s.Etcd.Prefixes, snapshot.EtcdPrefix{Prefix: "/registry/events/", Bytes: 14 << 20})
		}, "below /registry/events/, and the quota (/m/etcd.yaml:9) is 16 MiB"},
		"etcd is stopped": {func(s *snapshot.Snapshot) { s.Etcd.Reachable, s.Etcd.Offline = false, true }, "start it first"},
		"a DaemonSet": {func(s *snapshot.Snapshot) {
			s.Cluster = &snapshot.Cluster{Workloads: []snapshot.Workload{{Kind: "DaemonSet", Name: "r", Replicas: 1, Commands: []string{"kubectl replace nightly-2"}}}}
		}, "cannot be scaled down"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := &snapshot.Snapshot{Node: "cp1", Etcd: member()}
			tt.change(s)
			plan, err := remedy(s, detect(s)[0])
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v, want %q", plan, err, tt.want)
			}
		})
	}
}

func TestWithQuota(t *testing.T) {
	tests := map[string]string{
		"  - command:\n    - etcd\n    - --name=x\n":                                 "  - command:\n    - etcd\n    - --quota-backend-bytes=5\n    - --name=x\n",
		"  - command:\n    - /usr/bin/etcd\n":                                        "  - command:\n    - /usr/bin/etcd\n    - --quota-backend-bytes=5\n",
		"  - command:\n    - etcd\n    - --quota-backend-bytes=99\n    - --name=x\n": "  - command:\n    - etcd\n    - --quota-backend-bytes=5\n    - --name=x\n",
		"  - command: [etcd, --name=x]\n":                                            "",
	}
	for text, want := range tests {
		w, err := withQuota(snapshot.Manifest{Text: snapshot.Text{Path: "/m", Content: text}}, 5)
		if (err != nil) != (want == "") || string(w.Data) != want {
			t.Errorf("%q: got %q, %v", text, w.Data, err)
		}
	}
}
