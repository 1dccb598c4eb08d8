package quota

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const etcd = "/etc/kubernetes/manifests/etcd.yaml"
		f, err := m.ReadFile(etcd)
		if err != nil {
			t.Fatal(err)
		}
		f.Data = []byte(replace(string(f.Data)))
		if err := m.WriteFile(etcd, f); err != nil {
			t.Fatal(err)
		}
	}))
}

func replace(text string) string {
	const at = "    - --snapshot-count=10000\n"
	before, after, _ := strings.Cut(text, at)
	return before + "    - --quota-backend-bytes=8000000\n" + at + after
}

func TestHowNear(t *testing.T) {
	alarm := []snapshot.EtcdAlarm{{Kind: "NOSPACE"}}
	for what, tc := range map[string]struct {
		size, quota int64
		line        int
		alarms      []snapshot.EtcdAlarm
		want        int
	}{
		"room enough":           {100 << 20, 2 << 30, 0, nil, 0},
		"a low quota, far":      {10 << 20, 100 << 20, 7, nil, 0},
		"a low quota, near":     {70 << 20, 100 << 20, 7, nil, 1},
		"etcd's own, half full": {1300 << 20, 2 << 30, 0, nil, 0},
		"etcd's own, near":      {1900 << 20, 2 << 30, 0, nil, 1},
		"full":                  {100 << 20, 100 << 20, 7, nil, 0},
		"an alarm":              {90 << 20, 100 << 20, 7, alarm, 0},
		"no quota known":        {90 << 20, 0, 0, nil, 0},
	} {
		e := &snapshot.Etcd{Quota: tc.quota, QuotaLine: tc.line, QuotaSource: "/m", Alarms: tc.alarms, DBPath: "/db", Status: &snapshot.EtcdStatus{DBSize: tc.size}}
		if got := detect(&snapshot.Snapshot{Etcd: e}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
