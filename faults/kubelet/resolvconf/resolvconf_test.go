package resolvconf

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		f, err := m.ReadFile("/var/lib/kubelet/config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		f.Data = append(f.Data, "resolvConf: /run/systemd/resolve/resolv.conf\n"...)
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

func with(k *snapshot.Kubelet, server string, ids ...string) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Kubelet: k, Logs: &snapshot.Logs{}, Names: &snapshot.Names{Resolvers: []snapshot.Resolver{{Path: "/etc/resolv.conf", For: []string{"kubelet"}, Servers: []snapshot.ConfLine{{Line: 1, Value: server}}}}}}
	for _, id := range ids {
		s.Logs.Observations = append(s.Logs.Observations, snapshot.Observation{ID: id, Source: "/l", Sample: "Loop detected"})
	}
	return s
}

func gone(k *snapshot.Kubelet) *snapshot.Kubelet {
	k.Absent = map[string]string{key: "/gone"}
	return k
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"a server of the network":  {with(set(key, "/etc/resolv.conf", "default"), "10.0.0.2"), 0},
		"loopback that works":      {with(set(key, "/etc/resolv.conf", "default"), "127.0.0.11"), 0},
		"a loop of something else": {with(set(key, "/etc/resolv.conf", "default"), "10.0.0.2", "dns-loop"), 0},
		"it asks itself":           {with(set(key, "/etc/resolv.conf", "default"), "127.0.0.53", "dns-loop"), 1},
		"not there":                {with(gone(set(key, "/gone", "/c")), "10.0.0.2"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
