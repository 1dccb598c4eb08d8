package moved

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const (
	config = "/etc/containerd/config.toml"
	id     = "e7cd1111e7cd1111e7cd1111e7cd1111e7cd1111e7cd1111e7cd1111e7cd1111"
)

// mount is what is mounted for a container, as the kernel shows it.
func mount(state, root, id string) snapshot.Mount {
	return snapshot.Mount{FSType: "overlay", Source: "overlay", Target: state + "/io.containerd.runtime.v2.task/k8s.io/" + id + "/rootfs",
		Options: "rw,relatime,lowerdir=7/fs:6/fs,upperdir=" + root + "/io.containerd.snapshotter.v1.overlayfs/snapshots/8/fs,workdir=" + root + "/io.containerd.snapshotter.v1.overlayfs/snapshots/8/work"}
}

// Somebody gives containerd a larger disk and starts it anew. What ran runs on;
// of that the runtime lists nothing.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		f, err := m.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(f.Data), "\n")
		f.Data = []byte(head + "\nroot = \"/data/containerd\"\nstate = '/data/run'\n" + rest)
		if err := m.WriteFile(config, f); err != nil {
			t.Fatal(err)
		}
	}), faulttest.Effect(func(_ *faulttest.Machine, s *snapshot.Snapshot) {
		s.Host.Mounts = append(s.Host.Mounts, mount("/run/containerd", "/var/lib/containerd", id))
		if s.Runtime.Settings != nil && s.Runtime.Settings.Root != "/var/lib/containerd" {
			s.Runtime.Containers, s.Runtime.Sandboxes, s.Runtime.Images = nil, nil, nil
		} else {
			s.Runtime.Containers = append(s.Runtime.Containers, snapshot.Container{ID: id})
		}
	}))
}

func node(root, state string, mounts ...snapshot.Mount) *snapshot.Snapshot {
	return &snapshot.Snapshot{Host: &snapshot.Host{Mounts: mounts}, Runtime: &snapshot.Runtime{Reachable: true, Settings: &snapshot.RuntimeConfig{Kind: "containerd", Root: root, State: state,
		Settings: []snapshot.ConfigSetting{{Key: "root", Value: root, Path: config, Line: 2}, {Key: "state", Value: state, Path: config, Line: 3}}}}}
}

func TestDetect(t *testing.T) {
	const root, state = "/var/lib/containerd", "/run/containerd"
	for name, tt := range map[string]struct {
		s      *snapshot.Snapshot
		change func(*snapshot.Snapshot)
		want   int // facts, 0 for no finding
	}{
		"as it was":                {node(root, state, mount(state, root, "a")), nil, 0},
		"elsewhere from the start": {node("/data/c", "/run/c", mount("/run/c", "/data/c", "a")), nil, 0},
		"with a slash":             {node(root+"/", state, mount(state, root, "a")), nil, 0},
		"root":                     {node("/data/c", state, mount(state, root, "a"), mount(state, root, "b")), nil, 3},
		"both":                     {node("/data/c", "/run/c", mount(state, root, "a")), nil, 5},
		"not started anew":         {node("/data/c", state, mount(state, root, "a")), func(s *snapshot.Snapshot) { s.Runtime.Sandboxes = []snapshot.Sandbox{{ID: "a"}} }, 0},
		"it does not answer":       {node("/data/c", state, mount(state, root, "a")), func(s *snapshot.Snapshot) { s.Runtime.Reachable = false }, 0},
		"by no file":               {node("/data/c", state, mount(state, root, "a")), func(s *snapshot.Snapshot) { s.Runtime.Settings.Settings = nil }, 0},
		"another client's":         {node("/data/c", state, snapshot.Mount{Target: state + "/io.containerd.runtime.v2.task/moby/a/rootfs", Options: "upperdir=" + root + "/io.containerd.snapshotter.v1.overlayfs/snapshots/8/fs"}), nil, 0},
		"CRI-O":                    {node("/data/c", state, mount(state, root, "a")), func(s *snapshot.Snapshot) { s.Runtime.Settings.Kind = "crio" }, 0},
	} {
		if tt.change != nil {
			tt.change(tt.s)
		}
		got := detect(tt.s)
		if len(got) > 0 != (tt.want > 0) || len(got) > 0 && len(got[0].Facts) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What was begun in the new folders would be lost to sight in its turn.
func TestRemedy(t *testing.T) {
	m := faulttest.New(t)
	f, err := m.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(f.Data), "\n")
	if err := m.Poke(config, []byte(head+"\nroot = \"/data/c\"\n"+rest)); err != nil {
		t.Fatal(err)
	}
	s := m.Snapshot()
	s.Host.Mounts = append(s.Host.Mounts, mount("/run/containerd", "/var/lib/containerd", id))
	s.Runtime.Containers = []snapshot.Container{{ID: "new", State: "exited"}}
	plan, err := Fault.Remedy(s, finding.Finding{})
	if err != nil || len(plan) != 2 || !strings.Contains(string(plan[0].(op.WriteFile).Data), head+"\nroot = \"/var/lib/containerd\"\n"+rest) {
		t.Errorf("%v, %v", plan, err)
	}
	s.Runtime.Containers[0].State = "running"
	if plan, err := Fault.Remedy(s, finding.Finding{}); err == nil {
		t.Errorf("while a new one runs: %v", plan)
	}
}
