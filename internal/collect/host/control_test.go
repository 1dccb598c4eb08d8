package host

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestControls(t *testing.T) {
	pod := "/kubepods/burstable/pod11"
	container := pod + "/" + strings.Repeat("a", 64)
	for _, tc := range []struct {
		fixture, name string
		want          map[string]string // path to its JSON, without the folders; "" is not kept
	}{
		{"control1", "etcd", map[string]string{
			"/slow": `{"path":"/slow","kind":"other","members":[{"name":"etcd","pid":70,"controllers":["cpu"]}],` +
				`"cpu":{"quotaUs":2000,"periodUs":100000,"periods":20,"throttled":19,"throttledNs":5000}}`,
			"/system.slice/kubelet.service": `{"path":"/system.slice/kubelet.service","kind":"service","cpu":{"shares":1024},"memory":{"current":4096},"set":[` +
				`{"key":"MemoryMax","value":"64M","file":"/run/systemd/system.control/kubelet.service.d/50-MemoryMax.conf","line":2},` +
				`{"key":"CPUQuota","value":"2%","file":"/etc/systemd/system/kubelet.service.d/50-slow.conf","line":3},` +
				`{"key":"CPUWeight","value":"3","file":"/etc/systemd/system/service.d/all.conf","line":2},` +
				`{"key":"TasksMax","value":"4000","file":"/usr/lib/systemd/system/kubelet.service","line":3}]}`,
			container: `{"path":"` + container + `","kind":"container","members":[{"name":"etcd","pid":70,"controllers":["memory"]}],` +
				`"memory":{"max":1048576,"current":0,"hits":7,"oomKill":3}}`,
			pod:                         `{"path":"` + pod + `","kind":"pod","memory":{"current":0}}`,
			"/kubepods/burstable/pod22": "",
			"/system.slice":             `{"path":"/system.slice","kind":"slice","cpu":{"cpus":"0","effective":"0"},"memory":{"current":0},"pids":{"max":0,"current":4,"refused":12}}`,
			"/kubepods":                 `{"path":"/kubepods","kind":"kubepods","memory":{"current":0},"freezer":"FROZEN","self":true}`,
		}},
		{"control2", "kubelet", map[string]string{
			"/system.slice/kubelet.service": `{"path":"/system.slice/kubelet.service","kind":"service","members":[{"name":"kubelet","pid":70}],` +
				`"cpu":{"quotaUs":5000,"periodUs":100000,"weight":100,"effective":"0-3","periods":9,"throttled":8,"throttledNs":7000},` +
				`"memory":{"high":4096,"current":8192,"slowed":44,"oom":2,"oomKill":1},"pids":{"max":33,"current":30},"freezer":"FROZEN","self":true}`,
			"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod11.slice": "",
			"/kubepods.slice/kubepods-besteffort.slice":                                 `{"path":"/kubepods.slice/kubepods-besteffort.slice","kind":"qos"}`,
		}},
	} {
		t.Run(tc.fixture, func(t *testing.T) {
			s := &snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 70, Name: tc.name, Cgroup: "/"}}}}
			if err := collectCgroups(context.Background(), unpack(t, tc.fixture), s); err != nil {
				t.Fatal(err)
			}
			for path, want := range tc.want {
				c, ok := s.Cgroups.Control(path)
				c.Dirs = nil
				got, _ := json.Marshal(c)
				if text := strings.Replace(string(got), `"dirs":null,`, "", 1); ok && strings.Replace(text, `,"dirs":null`, "", 1) != want || ok != (want != "") {
					t.Errorf("%s:\n got %s\nwant %s", path, text, want)
				}
			}
		})
	}
}

// TestRecent: what a quota does now is told apart from what it did.
func TestRecent(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "cpu.stat"), []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
	write("nr_periods 20\nnr_throttled 19\n")
	go func() {
		time.Sleep(throttleWindow / 3)
		write("nr_periods 22\nnr_throttled 20\n")
	}()
	all := []snapshot.Control{{Dirs: map[string]string{"cpu": dir}, CPU: &snapshot.CPUControl{QuotaUs: 5}}, {CPU: &snapshot.CPUControl{}}}
	recent(context.Background(), source.New("/", true), all)
	if c := all[0].CPU; c.RecentPeriods != 2 || c.RecentThrottled != 1 || c.RecentMs < 100 || all[1].CPU.RecentMs != 0 {
		t.Errorf("%+v", c)
	}
}

func TestGroupKind(t *testing.T) {
	id := strings.Repeat("0a", 32)
	for group, want := range map[string]string{
		"/": "root", "/engine": "root", "/engine/aa": "root", "/engine/aa/init.scope": "scope", "/engine/aa/kubepods": "kubepods",
		"/engine/aa/kubepods.slice/kubepods-pod3.slice": "pod", "/engine/aa/kubepods.slice/kubepods-pod3.slice/cri-containerd-" + id + ".scope": "container",
		"/engine/aa/kubepods/pod3/" + id: "container", "/engine/aa/x": "other",
	} {
		if got := groupKind(group, "/engine/aa"); got != want {
			t.Errorf("%s: %s, want %s", group, got, want)
		}
	}
}

func FuzzControl(f *testing.F) {
	f.Add([]byte("max 100000\nnr_periods 3\n5:cpu,cpuacct:/x\n0::/\nCPUQuota=\\\n2%\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseCPUMax(data)
		parseKeyed(data)
		limit(data)
		for group := range parseMemberships(data) {
			groupKind(group, "/a")
			unitNames(group+".service", "service")
		}
		c := snapshot.Control{}
		unified(&c, func(string) []byte { return data })
		cpuV1(cpuOf(&c), func(string) []byte { return data })
		for _, l := range parseUnitLimits(data, "f") {
			if l.Line == 0 || !limitKeys[l.Key] {
				t.Errorf("%+v", l)
			}
		}
	})
}
