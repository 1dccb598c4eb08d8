package corrupt

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		e := m.World.Etcd
		e.Reachable, e.Running, e.Offline = false, false, true
		e.Store = &snapshot.EtcdStore{Damage: []string{"page 7: it calls itself page 9"}}
	}))
}

func TestWhatIsBelieved(t *testing.T) {
	bad := &snapshot.EtcdStore{Damage: []string{"page 7"}}
	said := func(ago time.Duration, sample string) *snapshot.Logs {
		return &snapshot.Logs{Observations: []snapshot.Observation{{ID: "etcd-data-bad", Source: "/log", Last: faulttest.At.Add(-ago), Sample: sample}}}
	}
	for what, tc := range map[string]struct {
		etcd snapshot.Etcd
		logs *snapshot.Logs
		want int
	}{
		"sound":                       {snapshot.Etcd{Store: &snapshot.EtcdStore{}}, nil, 0},
		"damaged":                     {snapshot.Etcd{Store: bad}, nil, 1},
		"read while it was written":   {snapshot.Etcd{Reachable: true, Store: bad}, nil, 0},
		"a log that ends torn":        {snapshot.Etcd{WAL: &snapshot.EtcdWAL{Torn: true}}, nil, 0},
		"a log with a bad record":     {snapshot.Etcd{WAL: &snapshot.EtcdWAL{Problems: []string{"0.wal: byte 8: the sum is wrong"}}}, nil, 1},
		"an alarm":                    {snapshot.Etcd{Reachable: true, Alarms: []snapshot.EtcdAlarm{{Kind: "CORRUPT", Member: "1"}}}, nil, 1},
		"no space":                    {snapshot.Etcd{Reachable: true, Alarms: []snapshot.EtcdAlarm{{Kind: "NOSPACE", Member: "1"}}}, nil, 0},
		"it says so as it ends":       {snapshot.Etcd{}, said(time.Minute, `{"level":"fatal","msg":"failed to open WAL"}`), 1},
		"it said so and has repaired": {snapshot.Etcd{}, said(time.Minute, `{"level":"info","msg":"repaired WAL"}`), 0},
		"it said so long ago":         {snapshot.Etcd{}, said(time.Hour, `{"level":"fatal","msg":"failed to open WAL"}`), 0},
	} {
		e := tc.etcd
		e.DataDir, e.DBPath = "/var/lib/etcd", "/var/lib/etcd/member/snap/db"
		if got := detect(&snapshot.Snapshot{At: faulttest.At, Etcd: &e, Logs: tc.logs}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
