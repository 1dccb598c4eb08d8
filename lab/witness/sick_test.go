package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/lab"
	"github.com/klustered/klustered/snapshot"
)

// A sickness takes one thing away from a control plane. What is not named by
// it must still be seen, and within the deadline.
type sickness struct {
	name        string
	bring, mend string             // shell scripts; bring returns when the thing is gone
	costs       []snapshot.Section // sections that may be missing or have new gaps
	// tells looks for what the snapshot must say of it.
	tells func(*snapshot.Snapshot) bool
}

const manifests = "/etc/kubernetes/manifests"

var sicknesses = []sickness{
	{
		name:  "API server down",
		bring: `mv ` + manifests + `/kube-apiserver.yaml /srv/; for i in $(seq 60); do pgrep -x kube-apiserver >/dev/null || exit 0; sleep 1; done; exit 1`,
		mend:  `mv /srv/kube-apiserver.yaml ` + manifests + `/`,
		costs: []snapshot.Section{snapshot.SectionCluster, snapshot.SectionProbes},
		// A live etcd that is late on a busy machine is read from its file.
		tells: func(s *snapshot.Snapshot) bool {
			return s.Cluster != nil && strings.HasPrefix(s.Cluster.Source, "etcd") && !s.Cluster.API.Reachable && len(s.Cluster.Pods) > 0
		},
	},
	{
		name:  "etcd stopped",
		bring: `mv ` + manifests + `/etcd.yaml /srv/; for i in $(seq 60); do pgrep -x etcd >/dev/null || exit 0; sleep 1; done; exit 1`,
		mend:  `mv /srv/etcd.yaml ` + manifests + `/`,
		costs: []snapshot.Section{snapshot.SectionCluster, snapshot.SectionProbes, snapshot.SectionEtcd},
		// The API server may go on to answer lists from its cache.
		tells: func(s *snapshot.Snapshot) bool {
			return s.Etcd != nil && s.Etcd.Offline && s.Etcd.Status != nil && s.Etcd.Status.Revision > 0 &&
				s.Cluster != nil && len(s.Cluster.Pods) > 0
		},
	},
	{
		name: "API server and etcd stopped",
		bring: `mv ` + manifests + `/{etcd,kube-apiserver}.yaml /srv/
			for i in $(seq 60); do pgrep -x etcd >/dev/null || pgrep -x kube-apiserver >/dev/null || exit 0; sleep 1; done; exit 1`,
		mend:  `mv /srv/{etcd,kube-apiserver}.yaml ` + manifests + `/`,
		costs: []snapshot.Section{snapshot.SectionCluster, snapshot.SectionProbes, snapshot.SectionEtcd},
		tells: func(s *snapshot.Snapshot) bool {
			return s.Cluster != nil && s.Cluster.Source == "etcd-file" && len(s.Cluster.Pods) > 0
		},
	},
	{
		name:  "containerd stopped",
		bring: `systemctl stop containerd`,
		mend:  `systemctl start containerd`,
		costs: []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionProbes, snapshot.SectionNetwork},
		tells: func(s *snapshot.Snapshot) bool { return s.Runtime != nil && !s.Runtime.Reachable },
	},
	{
		name:  "containerd frozen",
		bring: `pkill -STOP -x containerd`,
		mend:  `pkill -CONT -x containerd`,
		costs: []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionProbes, snapshot.SectionNetwork},
		tells: func(s *snapshot.Snapshot) bool { return s.Runtime != nil && !s.Runtime.Reachable },
	},
	{
		name:  "kubelet stopped",
		bring: `systemctl stop kubelet`,
		mend:  `systemctl start kubelet`,
		costs: []snapshot.Section{snapshot.SectionKubelet, snapshot.SectionProbes},
		tells: func(s *snapshot.Snapshot) bool { return s.Kubelet != nil && !s.Kubelet.Running },
	},
	{
		name:  "D-Bus dead",
		bring: `systemctl stop dbus.socket dbus.service`,
		mend:  `systemctl start dbus.socket dbus.service`,
		tells: func(s *snapshot.Snapshot) bool { return s.Systemd != nil && s.Systemd.Reachable },
	},
	{
		name: "disks full",
		bring: `set -e; mkdir -p /srv/full; mount -t tmpfs -o size=8m full /srv/full; mkdir /srv/full/tmp
			mount --bind /srv/full/tmp /tmp; mount --bind /srv/full/tmp /var/tmp
			dd if=/dev/zero of=/srv/full/x bs=64k 2>/dev/null || true; ! echo x > /tmp/y`,
		mend:  `umount /tmp /var/tmp; umount /srv/full; rmdir /srv/full`,
		costs: []snapshot.Section{snapshot.SectionHost},
		tells: func(s *snapshot.Snapshot) bool {
			return s.Host != nil && slices.ContainsFunc(s.Host.Mounts, func(m snapshot.Mount) bool { return m.Target == "/srv/full" && m.Total > 0 && m.Free == 0 })
		},
	},
	{
		name:  "a file system that hangs",
		bring: `test -e /dev/fuse || mknod /dev/fuse c 10 229; mkdir -p /srv/slow /srv/stuck && bindfs /srv/slow /srv/stuck && pkill -STOP -x bindfs`,
		mend:  `pkill -CONT -x bindfs; umount /srv/stuck; rmdir /srv/slow /srv/stuck`,
		costs: []snapshot.Section{snapshot.SectionHost},
		tells: func(s *snapshot.Snapshot) bool {
			return slices.ContainsFunc(s.Gaps, func(g snapshot.Gap) bool { return strings.Contains(g.Source+g.Reason, "/srv/stuck") })
		},
	},
}

// deadline is that of a collection, with what it takes to start one.
const deadline = 12 * time.Second

// TestIntegrationSick takes one thing after another away from a control plane.
func TestIntegrationSick(t *testing.T) {
	c := needLab(t)
	cp := c.ControlPlane()
	well, err := Collect(t.Context(), cp, binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range sicknesses {
		t.Run(x.name, func(t *testing.T) { x.test(t, cp, well.Snapshot) })
		if err := c.WaitHealthy(t.Context(), 4*time.Minute); err != nil {
			t.Fatalf("the lab is not well after %q: %v", x.name, err)
		}
	}
}

func (x sickness) test(t *testing.T, cp *lab.Node, well *snapshot.Snapshot) {
	t.Cleanup(func() {
		if _, err := cp.Exec(context.Background(), "bash", "-c", x.mend); err != nil {
			t.Error(err)
		}
	})
	if _, err := cp.Exec(t.Context(), "bash", "-c", x.bring); err != nil {
		t.Fatal(err)
	}
	var wrong []string
	for range 2 { // what has a second for its answer may miss it once, where all is busy
		if wrong = x.look(t, cp, well); len(wrong) == 0 {
			return
		}
		t.Log(wrong)
	}
	t.Error(strings.Join(wrong, "\n"))
}

// look collects once, in time, and returns what is wrong with the answer.
func (x sickness) look(t *testing.T, cp *lab.Node, well *snapshot.Snapshot) (wrong []string) {
	t.Helper()
	start := time.Now()
	sick, err := Collect(t.Context(), cp, binary)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	t.Logf("collected in %.1fs", took.Seconds())
	if took > deadline {
		t.Errorf("took %s, over %s", took, deadline)
	}
	s := sick.Snapshot
	if !x.tells(s) {
		wrong = append(wrong, fmt.Sprintf("the snapshot does not tell of it: gaps %+v", s.Gaps))
		if s.Cluster != nil {
			t.Logf("objects from %q, %d pods, API server %+v", s.Cluster.Source, len(s.Cluster.Pods), s.Cluster.API)
		}
	}
	for _, section := range snapshot.Sections() {
		if well.Has(section) && !s.Has(section) && !slices.Contains(x.costs, section) {
			wrong = append(wrong, fmt.Sprintf("section %s is missing", section))
		}
	}
	for _, g := range s.Gaps {
		if !slices.Contains(x.costs, g.Section) && !slices.ContainsFunc(well.Gaps, func(w snapshot.Gap) bool { return w.Source == g.Source }) {
			wrong = append(wrong, fmt.Sprintf("a new gap of section %s: %s: %s", g.Section, g.Source, g.Reason))
		}
	}
	return wrong
}
