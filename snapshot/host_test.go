package snapshot

import (
	"strings"
	"testing"
)

func TestNestedTellsAnotherMachine(t *testing.T) {
	id := strings.Repeat("0a", 32)
	outer := "/docker/" + strings.Repeat("1b", 32)
	for _, tt := range []struct {
		first, cgroup string // of process 1, of the process
		want          bool
	}{
		{"/init.scope", "/system.slice/etcd.service", false},
		{"/init.scope", "/docker/" + id, false},
		{"/", "/kubepods/burstable/pod677786f223c28a0f6d47142ae645c173/" + id, false},
		{"/init.scope", "/kubepods.slice/kubepods-burstable.slice/cri-containerd-" + id + ".scope", false},
		{"/init.scope", outer + "/kubepods/burstable/pod677786f223c28a0f6d47142ae645c173/" + id, true},
		{outer + "/init.scope", outer + "/kubepods/burstable/pod677786f223c28a0f6d47142ae645c173/" + id, false},
		{"/init.scope", "/system.slice/docker-" + id + ".scope/kubelet.slice/cri-containerd-" + id + ".scope", true},
	} {
		p := Processes{List: []Process{{PID: 1, Cgroup: tt.first}, {PID: 7, Name: "etcd", Cgroup: tt.cgroup}}}
		if got := len(p.ByName("etcd")) == 0; got != tt.want {
			t.Errorf("%s below %s: left out is %v, want %v", tt.cgroup, tt.first, got, tt.want)
		}
	}
}
