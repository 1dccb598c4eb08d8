package snapshot

import "testing"

func TestUnder(t *testing.T) {
	h := &Host{Mounts: []Mount{{Target: "/", ID: 1}, {Target: "/var", ID: 2}, {Target: "/var/lib/etcd", ID: 3}, {Target: "/var", ID: 4}}}
	for path, want := range map[string]int{"/": 1, "/etc": 1, "/var": 4, "/variable": 1, "/var/log": 4, "/var/lib/etcd": 3, "/var/lib/etcd/member": 3} {
		if m, ok := h.Under(path); !ok || m.ID != want {
			t.Errorf("%s lies on mount %d, %v; want %d", path, m.ID, ok, want)
		}
	}
	if _, ok := (&Host{}).Under("/"); ok {
		t.Error("a host without mounts has one")
	}
}

func TestControlFile(t *testing.T) {
	v1 := Control{Dirs: map[string]string{"": "/u", "memory": "/m/x", "pids": "/p/x"}}
	v2 := Control{Dirs: map[string]string{"": "/u/x"}}
	for _, tc := range [][2]string{
		{v1.File("memory", "memory.max"), "/m/x/memory.limit_in_bytes"}, {v1.File("pids", "pids.max"), "/p/x/pids.max"},
		{v2.File("memory", "memory.max"), "/u/x/memory.max"},
	} {
		if tc[0] != tc[1] {
			t.Errorf("%s, want %s", tc[0], tc[1])
		}
	}
}
