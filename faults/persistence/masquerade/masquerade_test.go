package masquerade

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for name, tt := range map[string]struct {
		p    snapshot.Process
		want int
	}{
		"thread of the kernel": {snapshot.Process{Name: "kworker/0:1", Kernel: true}, 0},
		"kubelet":              {snapshot.Process{Name: "kubelet", Exe: "/usr/bin/kubelet"}, 0},
		"upgraded":             {snapshot.Process{Name: "containerd", Exe: "/usr/bin/containerd", Deleted: true}, 0},
		"shim":                 {snapshot.Process{Name: "containerd-shim", Exe: "/usr/bin/containerd-shim-runc-v2"}, 0},
		"many in one":          {snapshot.Process{Name: "kubelet", Exe: "/snap/microk8s/1/kubelite"}, 0},
		"k3s":                  {snapshot.Process{Name: "containerd", Exe: "/var/lib/rancher/k3s/data/x/bin/k3s"}, 0},
		"hyperkube":            {snapshot.Process{Name: "kubelet", Exe: "/usr/local/bin/hyperkube"}, 0},
		"wrapper":              {snapshot.Process{Name: "kubelet", Exe: "/usr/bin/bash", Args: []string{"/bin/bash", "/usr/local/bin/kubelet"}}, 0},
		"wrapper of the unit":  {snapshot.Process{Name: "kubelet", Exe: "/usr/bin/podman", Unit: "kubelet.service"}, 0},
		"in a container":       {snapshot.Process{Name: "etcd", Exe: "/bin/busybox", Container: "c"}, 0},
		"title in brackets":    {snapshot.Process{Name: "celery", Exe: "/usr/bin/python3", Args: []string{"[celeryd: a@b:MainProcess]"}}, 0},
		"runc on its way":      {snapshot.Process{Name: "runc:[2:INIT]", Exe: "/memfd:runc_cloned:/proc/self/exe (deleted)"}, 0},
		"zombie":               {snapshot.Process{Name: "kubelet", Exe: "/x", State: "Z"}, 0},
		"in brackets":          {snapshot.Process{Name: "sleep", Exe: "/usr/bin/sleep", Args: []string{"[kworker/u8:1]"}}, 1},
		"kernel's name":        {snapshot.Process{Name: "kworker/0:1", Exe: "/opt/x"}, 1},
		"component's name":     {snapshot.Process{Name: "kube-proxy", Exe: "/opt/x/agent", Args: []string{"kube-proxy"}}, 1},
		"never a file":         {snapshot.Process{Name: "a", Exe: "/memfd:a (deleted)"}, 1},
	} {
		tt.p.PID = 7
		if got := detect(&snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{tt.p}}}); len(got) != tt.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
