package snapshot

import (
	"strings"
	"testing"
)

func TestNestedTellsAnotherMachine(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for _, tt := range []struct {
		cgroup string
		want   bool
	}{
		{"/system.slice/etcd.service", false},
		{"/docker/" + id, false},
		{"/kubepods/burstable/pod677786f223c28a0f6d47142ae645c173/" + id, false},
		{"/kubepods.slice/kubepods-burstable.slice/cri-containerd-" + id + ".scope", false},
		{"/docker/" + id + "/kubepods/burstable/pod677786f223c28a0f6d47142ae645c173/" + id, true},
		{"/system.slice/docker-" + id + ".scope/kubelet.slice/cri-containerd-" + id + ".scope", true},
	} {
		p := Processes{List: []Process{{Name: "etcd", Cgroup: tt.cgroup}}}
		if got := p.List[0].Nested(); got != tt.want {
			t.Errorf("%s: nested is %v, want %v", tt.cgroup, got, tt.want)
		}
		if got := len(p.ByName("etcd")) == 0; got != tt.want {
			t.Errorf("%s: left out is %v, want %v", tt.cgroup, got, tt.want)
		}
	}
}
