package cgroupdriver

import (
	"bytes"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Healthy(func(w *faulttest.World) { w.Processes.List[0].Name = "tini" }), faulttest.Effect(silent), faulttest.Broken(func(m *faulttest.Machine) {
		f, err := m.ReadFile("/var/lib/kubelet/config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		f.Data = bytes.Replace(f.Data, []byte("cgroupDriver: cgroupfs"), []byte("cgroupDriver: systemd"), 1)
		if err := m.WriteFile("/var/lib/kubelet/config.yaml", f); err != nil {
			t.Fatal(err)
		}
	}))
}

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet, first string) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 1, Name: first}}}}
}

func well(k *snapshot.Kubelet) *snapshot.Kubelet { k.Healthz = "ok"; return k }

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"systemd runs":             {with(set("cgroupDriver", "systemd", "/c"), "systemd"), 0},
		"not asked":                {with(set("cgroupDriver", "cgroupfs", "/c"), "tini"), 0},
		"the runtime knows better": {with(well(set("cgroupDriver", "systemd", "/c")), "tini"), 0},
		"nobody to ask":            {with(set("cgroupDriver", "systemd", "/c"), "tini"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// silent is a kubelet that cannot make its groups.
func silent(_ *faulttest.Machine, s *snapshot.Snapshot) {
	if s.Kubelet != nil && s.Kubelet.CgroupDriver == "systemd" {
		s.Kubelet.Healthz, s.Kubelet.HealthErr = "", "connect: connection refused"
	}
}
