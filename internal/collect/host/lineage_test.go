package host

import "testing"

func TestUnitAndPod(t *testing.T) {
	for _, c := range []struct{ data, unit, pod string }{
		{"9:name=systemd:/system.slice/kubelet.service\n0::/\n", "kubelet.service", ""},
		{"0::/user.slice/user-0.slice/session-3.scope\n", "session-3.scope", ""},
		{"0::/user.slice/user-1.slice/user@1.service/app.slice/x.service\n", "user@1.service", ""},
		{"0::/kubepods/burstable/podc6a6b6a0-1111-2222-3333-444455556666/0123\n", "", "c6a6b6a0-1111-2222-3333-444455556666"},
		{"0::/kubepods.slice/kubepods-pod677786f223c28a0f6d47142ae645c173.slice/cri-containerd-01.scope\n", "cri-containerd-01.scope", "677786f223c28a0f6d47142ae645c173"},
		{"", "", ""}, {"broken", "", ""},
	} {
		if got := unitOf([]byte(c.data)); got != c.unit {
			t.Errorf("%q: unit %q", c.data, got)
		}
		if got := podOf(ioGroup([]byte(c.data))); got != c.pod {
			t.Errorf("%q: pod %q", c.data, got)
		}
	}
}

func TestKernelThread(t *testing.T) {
	p, _, ok := parseStat([]byte("3 (kworker/R-x (y) z) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 0 -20 1 0 12 0 0 18446744073709551615\n"))
	if !ok || !p.Kernel || p.PPID != 2 || p.Name != "kworker/R-x (y) z" {
		t.Errorf("%+v", p)
	}
}
