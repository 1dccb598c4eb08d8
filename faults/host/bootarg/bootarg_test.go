package bootarg

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const grub = "/etc/default/grub"

// The kernel was booted without the memory controller.
func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		if err := m.WriteFile(grub, op.File{Data: []byte("# x\nGRUB_CMDLINE_LINUX=\"quiet cgroup_disable=memory\"\n"), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}), faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
		s.Kernel.Cmdline = "BOOT_IMAGE=/vmlinuz ro quiet"
		if _, err := m.ReadFile(grub); err == nil {
			s.Kernel.Cmdline += " cgroup_disable=memory"
			says(s, "journal:kubelet.service", `"Failed to start ContainerManager" err="cgroup [\"kubepods\"] has some missing controllers: memory"`)
		}
	}))
}

func says(s *snapshot.Snapshot, source, line string) {
	s.Logs.Bursts = append(s.Logs.Bursts, snapshot.Burst{Source: source, Sample: line, Last: s.At.Add(-time.Minute)})
}

func TestDetect(t *testing.T) {
	const kubelet, proxy = "journal:kubelet.service", "/var/log/pods/kube-system_kube-proxy-x_1/kube-proxy/3.log"
	for name, tt := range map[string]struct {
		cmdline, source, line string
		want                  int
	}{
		"a controller":             {"ro cgroup_disable=pids,memory", kubelet, `err="system validation failed - Following Cgroup subsystem not mounted: [memory]"`, 1},
		"another controller":       {"ro cgroup_disable=pids", kubelet, `err="system validation failed - Following Cgroup subsystem not mounted: [memory]"`, 0},
		"nobody misses it":         {"ro cgroup_disable=memory", kubelet, "all is well", 0},
		"missed, and not by this":  {"ro quiet", kubelet, `cgroup "kubepods" has some missing controllers: memory`, 0},
		"memory, of something":     {"ro cgroup_disable=memory", kubelet, "failed to get memory stats: not found", 0},
		"init's own":               {"ro -- cgroup_disable=memory", kubelet, `cgroup "kubepods" has some missing controllers: memory`, 0},
		"no IPv6":                  {"ro ipv6.disable=1", proxy, "listen tcp [::]:10256: socket: address family not supported by protocol", 1},
		"IPv6 after all":           {"ro ipv6.disable=1 ipv6.disable=0", proxy, "listen tcp [::]:10256: socket: address family not supported by protocol", 0},
		"no IPv6, and all is well": {"ro ipv6.disable=1", proxy, "listen tcp 10.0.0.1: bind: address already in use", 0},
		"no AppArmor":              {"ro apparmor=0", kubelet, `"Pod admission denied" message="Cannot enforce AppArmor: AppArmor is not enabled on the host"`, 1},
		"an order without it":      {`ro lsm="landlock,yama,bpf"`, kubelet, "Cannot enforce AppArmor: AppArmor is not enabled on the host", 1},
		"an order with it":         {"ro lsm=landlock,apparmor", kubelet, "Cannot enforce AppArmor: AppArmor is not enabled on the host", 0},
		"another's log":            {"ro apparmor=0", "kmsg", "Cannot enforce AppArmor: AppArmor is not enabled on the host", 0},
	} {
		s := &snapshot.Snapshot{At: faulttest.At, Node: "a", Kernel: &snapshot.Kernel{Cmdline: tt.cmdline}, Logs: &snapshot.Logs{}}
		says(s, tt.source, tt.line)
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestEvent(t *testing.T) {
	s := &snapshot.Snapshot{At: faulttest.At, Node: "a", Kernel: &snapshot.Kernel{Cmdline: "apparmor=0", Boot: []snapshot.BootArgs{{File: grub, Line: 2, Args: "quiet apparmor=0"}}},
		Cluster: &snapshot.Cluster{Events: []snapshot.Event{{Object: "Pod/x", Namespace: "n", Type: "Warning", Host: "a", Message: "Cannot enforce AppArmor: AppArmor is not enabled on the host", Last: faulttest.At}}}}
	if got := detect(s); len(got) != 1 || got[0].Facts[1].Line != 2 {
		t.Errorf("%+v", got)
	}
	s.Node = "b"
	if got := detect(s); len(got) != 0 {
		t.Errorf("another node's: %+v", got)
	}
}

func FuzzWords(f *testing.F) {
	f.Add(`a="b c" d -- e`)
	f.Add("cgroup_disable=,,\x00(")
	f.Fuzz(func(t *testing.T, line string) {
		for _, l := range losses(line) {
			l.says(line)
		}
	})
}
