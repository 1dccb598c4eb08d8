package lockheld

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// holder is a unit that runs for the lock's sake.
const holder = "/etc/systemd/system/keeper.service"

func Test(t *testing.T) {
	faulttest.Run(t, Fault,
		faulttest.Broken(func(m *faulttest.Machine) {
			unit := "[Service]\nExecStart=/usr/bin/flock /run/xtables.lock sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
			_ = m.WriteFile(holder, op.File{Data: []byte(unit), Mode: 0o644})
			_ = m.WriteFile("/etc/systemd/system/multi-user.target.wants/keeper.service", op.File{Link: holder, Mode: 0o777})
			m.World.Units["keeper.service"] = "active"
		}),
		faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
			if m.World.Units["keeper.service"] != "active" {
				return
			}
			s.Locks.List = []snapshot.Lock{{Kind: "FLOCK", Mode: "WRITE", Path: "/run/xtables.lock", Raw: "FLOCK ADVISORY WRITE 9 00:1:2 0 EOF", Line: 1,
				Holders: []snapshot.LockParty{{PID: 9, Name: "flock", Exe: "/usr/bin/flock", Args: []string{"flock", "/run/xtables.lock"}, Start: s.At.Add(-time.Hour)}}}}
			for i := range s.Persistence.Entries {
				if e := &s.Persistence.Entries[i]; e.Source == holder {
					e.Running = true
				}
			}
		}))
}

func TestDetect(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, tc := range map[string]struct {
		path, exe string
		age       time.Duration
		want      int
	}{
		"held for good":          {"/run/xtables.lock", "/usr/bin/flock", time.Hour, 1},
		"by kube-proxy":          {"/run/xtables.lock", "/usr/local/bin/kube-proxy", time.Hour, 0},
		"by iptables":            {"/run/xtables.lock", "/usr/sbin/xtables-nft-multi", time.Minute, 0},
		"for a moment":           {"/run/xtables.lock", "/usr/bin/python3", time.Second, 0},
		"etcd's own":             {"/var/lib/etcd/member/snap/db", "/usr/local/bin/etcd", time.Hour, 0},
		"etcd's, by another":     {"/var/lib/etcd/member/snap/db", "/usr/bin/sleep", time.Hour, 1},
		"packages are installed": {"/var/lib/dpkg/lock-frontend", "/usr/bin/apt-get", time.Hour, 0},
		"unattended-upgrades":    {"/var/lib/dpkg/lock-frontend", "/usr/bin/python3.11", time.Hour, 0},
		"dpkg's, by another":     {"/var/lib/dpkg/lock-frontend", "/usr/bin/sleep", time.Hour, 1},
		"a program's own":        {"/run/atd.pid", "/usr/sbin/atd", time.Hour, 0},
	} {
		s := &snapshot.Snapshot{At: now, Locks: &snapshot.Locks{List: []snapshot.Lock{{Path: tc.path, Raw: "x", Holders: []snapshot.LockParty{{PID: 7, Exe: tc.exe, Start: now.Add(-tc.age)}}}}}}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Who holds a lock of his own is left alone.
func TestLocks(t *testing.T) {
	for _, tc := range []struct {
		file, line string
		want       bool
	}{
		{"/run/xtables.lock", "/usr/bin/flock /run/xtables.lock sleep infinity", true},
		{"/run/xtables.lock", "/usr/bin/flock /var/run/xtables.lock sleep infinity", true},
		{"/var/lib/dpkg/lock", "flock -n /run/lock/backup.lock /usr/local/bin/backup", false},
		{"/var/lib/dpkg/lock", "/usr/local/bin/clock-sync --daemon", false},
		{"/var/lib/dpkg/lock", "flock /var/lib/dpkg/lock-frontend sleep 9d", false},
		{"/var/lib/etcd/member/snap/db", "flock /run/lock/mongodb.lock mongodump", false},
		{"/var/lib/etcd/member/snap/db", "flock /var/lib/etcd/member/snap/db sleep infinity", true},
	} {
		if got := locks(tc.file)(tc.line); got != tc.want {
			t.Errorf("%s of %s: %v", tc.line, tc.file, got)
		}
	}
}
