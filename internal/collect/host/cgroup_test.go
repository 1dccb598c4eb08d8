package host

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// unpack makes a root of a fixture.
func unpack(t *testing.T, name string) *source.Env {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		sourcetest.File(t, dir, f.Name, string(f.Data), 0o644)
	}
	return source.New(dir, false)
}

func TestCgroups(t *testing.T) {
	etcd := &snapshot.Processes{List: []snapshot.Process{{PID: 70, Name: "etcd", Cgroup: "/elsewhere/pods/y"}}}
	for _, tc := range []struct {
		fixture, mode string
		procs         *snapshot.Processes
		want          []string
	}{
		{"v1", "hybrid", etcd, []string{
			"/elsewhere/pods/y /sys/fs/cgroup/blkio/elsewhere/pods/y/blkio.throttle.write_iops_device:1 8:16 wiops=30",
			"/engine /sys/fs/cgroup/blkio/engine/blkio.throttle.write_bps_device:1 8:16 wbps=5000000",
			"/engine/aa/pods/x /sys/fs/cgroup/blkio/engine/aa/pods/x/blkio.throttle.read_iops_device:1 8:16 riops=9",
			"/engine/aa/pods/x /sys/fs/cgroup/blkio/engine/aa/pods/x/blkio.throttle.write_bps_device:1 8:0 wbps=1048576",
			"/engine/aa/pods/x /sys/fs/cgroup/blkio/engine/aa/pods/x/blkio.throttle.write_bps_device:2 8:16 wbps=204800",
		}},
		{"v1part", "v1", nil, []string{
			"/engine/aa/pods/x /sys/fs/cgroup/blkio/pods/x/blkio.throttle.write_bps_device:1 8:16 wbps=204800"}},
		{"v2", "v2", nil, []string{
			"/kubepods/pod1 /sys/fs/cgroup/kubepods/pod1/io.max:1 8:0 wbps=65536",
			"/kubepods/pod1 /sys/fs/cgroup/kubepods/pod1/io.max:1 8:0 wiops=12"}},
		{"v2namespace", "v2", nil, []string{
			"/.. /sys/fs/cgroup/engine/io.max:1 8:0 riops=7",
			"/kubepods /sys/fs/cgroup/engine/aa/kubepods/io.max:1 8:0 wbps=65536"}},
		{"folder", "v1", nil, []string{
			"/kubepods/pod1 /sys/fs/cgroup/blkio/kubepods/pod1/blkio.throttle.write_bps_device:1 8:0 wbps=65536"}},
	} {
		t.Run(tc.fixture, func(t *testing.T) {
			s := &snapshot.Snapshot{Processes: tc.procs}
			if err := collectCgroups(context.Background(), unpack(t, tc.fixture), s); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range s.Cgroups.Limits {
				got = append(got, fmt.Sprintf("%s %s:%d %s %s=%d", l.Cgroup, l.File, l.Line, l.Device, l.Kind, l.Value))
			}
			for _, g := range s.Cgroups.Groups {
				if g.Path != "/elsewhere/pods/y" || g.Dir != "/sys/fs/cgroup/blkio/elsewhere/pods/y" {
					t.Errorf("group %+v", g)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, tc.want) || s.Cgroups.Mode != tc.mode {
				t.Errorf("%s\n got %q\nwant %q", s.Cgroups.Mode, got, tc.want)
			}
		})
	}
}

func TestNoHierarchyIsAnError(t *testing.T) {
	s := &snapshot.Snapshot{}
	if err := collectCgroups(context.Background(), source.New(t.TempDir(), false), s); err == nil || s.Cgroups != nil {
		t.Errorf("%v, %+v", err, s.Cgroups)
	}
}

func TestContainerID(t *testing.T) {
	const id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for group, want := range map[string]string{
		"/kubepods/burstable/pod1/" + id:                                                          id,
		"/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id + ".scope":                     id,
		"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + id:               id,
		"/engine/" + id + "/system.slice/kubelet.service":                                         "",
		"/engine/" + id + "/kubepods/pod1/ff23456789abcdef0123456789abcdef0123456789abcdef012345": "",
		"/": "",
	} {
		if got := containerID(group, "/engine/"+id); got != want {
			t.Errorf("%s: got %q, want %q", group, got, want)
		}
	}
}
