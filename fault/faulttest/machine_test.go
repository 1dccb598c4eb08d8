package faulttest

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func TestLimits(t *testing.T) {
	m := New(t)
	group := blkio + m.World.Processes.ByName("etcd")[0].Cgroup
	l := op.SetIOLimit{File: group + "/blkio.throttle.write_bps_device", Device: "8:0", Key: "wbps", New: 65536}
	if err := l.Do(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	if s.Cgroups == nil || len(s.Cgroups.Limits) != 1 || s.Cgroups.Limits[0].Value != 65536 || s.Cgroups.Limits[0].File != l.File {
		t.Fatalf("got %+v; gaps %+v", s.Cgroups, s.Gaps)
	}
	if s.Etcd.Latency.FsyncRecentMs < 100 {
		t.Error("etcd is not slow")
	}
	m.Reboot()
	if s := m.Snapshot(); len(s.Cgroups.Limits) > 0 {
		t.Errorf("the limit outlived a reboot: %+v", s.Cgroups.Limits)
	}
}

func TestUnified(t *testing.T) {
	m := New(t, CgroupV2())
	l := op.SetIOLimit{File: "/sys/fs/cgroup/kubepods/burstable/io.max", Device: "8:0", Key: "wiops", New: 20}
	if err := l.Do(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	if s.Cgroups == nil || s.Cgroups.Mode != "v2" || len(s.Cgroups.Limits) != 1 || s.Cgroups.Limits[0].Value != 20 || s.Etcd.Latency.FsyncRecentMs < 100 {
		t.Errorf("got %+v; gaps %+v", s.Cgroups, s.Gaps)
	}
}

// TestHealthy: every section is there, nothing is missing in any of them.
func TestHealthy(t *testing.T) {
	s := New(t).Snapshot()
	for _, x := range snapshot.Sections() {
		if !s.Has(x) {
			t.Errorf("no section %s", x)
		}
	}
	for _, g := range s.Gaps {
		t.Errorf("gap: %+v", g)
	}
	for _, f := range s.CNI.Files {
		if f.Error != "" {
			t.Errorf("%s: %s", f.Path, f.Error)
		}
	}
	for _, c := range s.PKI.Certificates {
		if c.Error != "" || c.SignedBy == "" {
			t.Errorf("%s: signed by %q, error %q", c.Path, c.SignedBy, c.Error)
		}
	}
	if len(s.Static.Manifests) != 4 || len(s.Kubeconfigs.Files) < 5 || len(s.CNI.Cached) == 0 {
		t.Errorf("%d manifests, %d kubeconfigs, %d attachments", len(s.Static.Manifests), len(s.Kubeconfigs.Files), len(s.CNI.Cached))
	}
	for _, name := range []string{"kubelet.service", "containerd.service"} {
		if u, ok := s.Systemd.Unit(name); !ok || u.Active != "active" || u.Package == "" {
			t.Errorf("%s: %+v", name, u)
		}
	}
}

func TestPokes(t *testing.T) {
	lines := []byte("8:0 100\n8:16 200\n")
	for set, want := range map[string]string{"8:0 0": "8:16 200\n", "8:0 7": "8:16 200\n8:0 7\n", "9:9 1": "8:0 100\n8:16 200\n9:9 1\n"} {
		if got := throttle(lines, set); string(got) != want {
			t.Errorf("throttle %q: got %q", set, got)
		}
	}
	lines = []byte("8:0 rbps=max wbps=1 riops=max wiops=max\n")
	for set, want := range map[string]string{"8:0 wbps=max": "", "8:0 wiops=5": "8:0 rbps=max wbps=1 riops=max wiops=5\n"} {
		if got := ioMax(lines, set); string(got) != want {
			t.Errorf("io.max %q: got %q", set, got)
		}
	}
}

func TestUnits(t *testing.T) {
	m := New(t)
	start := m.State()
	unit := op.File{Data: []byte("[Service]\nExecStart=/bin/x\n"), Mode: 0o644}
	plan := op.Plan{
		op.WriteFile{Path: "/etc/systemd/system/x.service", Data: unit.Data, Mode: 0o644},
		op.WriteFile{Path: "/etc/systemd/system/multi-user.target.wants/x.service", Link: "/etc/systemd/system/x.service", Mode: 0o777},
		op.ReloadUnits{}, op.Unit{Verb: "start", Name: "x.service"},
	}
	var j Journal
	if err := op.Apply(t.Context(), m, plan, op.Header{}, &j); err != nil {
		t.Fatal(err)
	}
	if got := m.Hands(); len(got) != 1 || !strings.HasSuffix(got[0], "x.service") {
		t.Errorf("hands: %v", got)
	}
	m.Reboot()
	if m.World.Units["x.service"] != "active" || m.World.Units["kubelet.service"] != "active" {
		t.Errorf("after a boot: %v", m.World.Units)
	}
	if err := op.Undo(t.Context(), m, &j, &Journal{}); err != nil {
		t.Fatal(err)
	}
	same(t, "undo", start, m.State())
	if err := m.StartUnit(t.Context(), "x.service"); err == nil {
		t.Error("a unit without a file was started")
	}
}

func TestEtcdFills(t *testing.T) {
	m := New(t)
	m.FillEtcd("/registry/configmaps/default/notes", "curl")
	if err := m.ProveWrite(t.Context()); err == nil {
		t.Error("a full etcd took a write")
	}
	s := m.Snapshot()
	if len(s.Etcd.Alarms) != 1 || s.Etcd.Writers[0].Name != "notes" || s.Cluster.API.Write == "ok" {
		t.Errorf("got %+v", s.Etcd)
	}
	create := op.CreateObject{Path: "/api/v1/namespaces/default/configmaps/x", Body: []byte(`{"metadata":{"name":"x"}}`)}
	if err := create.Do(t.Context(), m); err == nil || !strings.Contains(err.Error(), "space exceeded") {
		t.Errorf("create: %v", err)
	}
	if _, err := m.Compact(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.SetAlarm(t.Context(), op.Alarm(s.Etcd.Alarms[0]), false); err != nil {
		t.Fatal(err)
	}
	if err := m.ProveWrite(t.Context()); err == nil {
		t.Error("disarmed without defragmentation, it took a write")
	}
}

func TestObjects(t *testing.T) {
	m := New(t)
	start := m.State()
	plan := op.Plan{
		op.CreateObject{Path: "/api/v1/namespaces/default/configmaps/x", Body: []byte(`{"metadata":{"name":"x"},"data":{"a":"1"}}`)},
		op.PatchObject{Path: "/apis/apps/v1/namespaces/canary/deployments/front", Patch: []byte(`{"spec":{"replicas":0}}`), Why: "stop it"},
		op.DeleteObject{Path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/cluster-admin"},
		op.IssueKubeconfig{Path: "/root/.kube/other", Cluster: "c", Server: "https://x", CACert: "/etc/kubernetes/pki/ca.crt", CAKey: "/etc/kubernetes/pki/ca.key", User: "u"},
	}
	var j Journal
	if err := op.Apply(t.Context(), m, plan, op.Header{}, &j); err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	for _, w := range s.Cluster.Workloads {
		if w.Name == "front" && w.Replicas != 0 {
			t.Errorf("not patched: %+v", w)
		}
	}
	if err := op.Undo(t.Context(), m, &j, &Journal{}); err != nil {
		t.Fatal(err)
	}
	same(t, "undo", start, m.State())
}
