package symptom

import (
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

func acts(b snapshot.Behaviour) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		s.Activity = &snapshot.Activity{Samples: 3, List: []snapshot.Behaviour{{PID: 1, Name: "systemd", States: "SSS"}, b}}
	}
}

func TestProcessHeld(t *testing.T) {
	look(t, ProcessHeld, cases{
		"it sleeps":                 {snap(acts(snapshot.Behaviour{PID: 9, Name: "kubelet", States: "SRS"})), Absent},
		"stopped":                   {snap(acts(snapshot.Behaviour{PID: 9, Name: "kubelet", States: "TTT"})), Seen},
		"traced and stopped":        {snap(acts(snapshot.Behaviour{PID: 9, Name: "kube-controller", States: "ttt"})), Seen},
		"it was, and goes on":       {snap(acts(snapshot.Behaviour{PID: 9, Name: "etcd", States: "TSS"})), Absent},
		"traced and runs":           {snap(acts(snapshot.Behaviour{PID: 9, Name: "etcd", States: "SSS", Tracer: 4})), Absent},
		"frozen":                    {snap(acts(snapshot.Behaviour{PID: 9, Name: "containerd", States: "DDD", Frozen: "/sys/fs/cgroup/x"})), Seen},
		"a person's editor":         {snap(acts(snapshot.Behaviour{PID: 9, Name: "vim", States: "TTT"})), Absent},
		"nobody looked":             {snap(), NotLooked},
		"it ended during the looks": {snap(acts(snapshot.Behaviour{PID: 9, Name: "etcd", States: "S--"})), Absent},
	})
}

func TestLimitReached(t *testing.T) {
	files := func(open int, soft string) func(*snapshot.Snapshot) {
		return acts(snapshot.Behaviour{PID: 9, Name: "containerd", States: "SSS", Files: open, Limits: []snapshot.ResourceLimit{{Name: "Max open files", Soft: soft}}})
	}
	group := func(c snapshot.Control) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			c.Members, c.Dirs = []snapshot.GroupMember{{Name: "etcd", PID: 5}}, map[string]string{"": "/sys/fs/cgroup/x"}
			s.Cgroups = &snapshot.Cgroups{Controls: []snapshot.Control{c}}
		}
	}
	above := func(kind string) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Cgroups = &snapshot.Cgroups{Controls: []snapshot.Control{
				{Path: "/a.slice", Kind: kind, CPU: &snapshot.CPUControl{QuotaUs: 5000, RecentPeriods: 4, RecentThrottled: 4}},
				{Path: "/a.slice/kubelet.service", Kind: "service", Members: []snapshot.GroupMember{{Name: "kubelet", PID: 5}}},
			}}
		}
	}
	ten := uint64(10)
	look(t, LimitReached, cases{
		"room":                   {snap(files(100, "1024")), Absent},
		"no more files":          {snap(files(64, "64")), Seen},
		"no limit":               {snap(files(64, "unlimited")), Absent},
		"said by the kubelet":    {snap(files(1, "1024"), logs(logFilesExhausted, "journal:kubelet.service", time.Second)), Seen},
		"no more processes":      {snap(group(snapshot.Control{Pids: &snapshot.PidsControl{Max: &ten, Current: 10}})), Seen},
		"processes to spare":     {snap(group(snapshot.Control{Pids: &snapshot.PidsControl{Max: &ten, Current: 5}})), Absent},
		"killed for its memory":  {snap(group(snapshot.Control{Memory: &snapshot.MemoryControl{Max: &ten, Current: 10, OOMKill: 2}})), Seen},
		"memory is a full cache": {snap(group(snapshot.Control{Memory: &snapshot.MemoryControl{Max: &ten, Current: 10}})), Absent},
		"throttled":              {snap(group(snapshot.Control{CPU: &snapshot.CPUControl{QuotaUs: 5000, RecentPeriods: 4, RecentThrottled: 4}})), Seen},
		"throttled now and then": {snap(group(snapshot.Control{CPU: &snapshot.CPUControl{QuotaUs: 5000, RecentPeriods: 9, RecentThrottled: 1}})), Absent},
		"nobody looked":          {snap(), NotLooked},
		"throttled from above":   {snap(above("slice")), Seen},
		"so is the machine":      {snap(above("root")), Absent},
	})
}

func TestLockWaits(t *testing.T) {
	lock := func(path string, since time.Duration) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) {
			s.Locks = &snapshot.Locks{List: []snapshot.Lock{{Path: path, Waiting: []snapshot.LockParty{{PID: 7, Name: "iptables", Start: now.Add(-since)}}}}}
		}
	}
	look(t, LockWaits, cases{
		"nobody waits":           {snap(func(s *snapshot.Snapshot) { s.Locks = &snapshot.Locks{} }), Absent},
		"for long":               {snap(lock("/run/xtables.lock", time.Minute)), Seen},
		"for a moment":           {snap(lock("/run/xtables.lock", time.Second)), Absent},
		"for a package":          {snap(lock("/var/lib/dpkg/lock", time.Minute)), Absent},
		"etcd says that it does": {snap(lock("/x", 0), logs(logEtcdLocked, "/var/log/pods/etcd/0.log", time.Second)), Seen},
		"nobody looked":          {snap(), NotLooked},
	})
}

func TestClockOff(t *testing.T) {
	clock := func(c snapshot.Clock) func(*snapshot.Snapshot) {
		return func(s *snapshot.Snapshot) { c.Now = now; s.Clock = &c }
	}
	look(t, ClockOff, cases{
		"in step":          {snap(clock(snapshot.Clock{Peers: []snapshot.ClockPeer{{Source: "api", Time: now, At: now}}})), Absent},
		"an hour ahead":    {snap(clock(snapshot.Clock{Peers: []snapshot.ClockPeer{{Source: "api", Time: now.Add(-time.Hour), At: now}}})), Seen},
		"a second behind":  {snap(clock(snapshot.Clock{Peers: []snapshot.ClockPeer{{Source: "api", Time: now.Add(time.Second), At: now}}})), Absent},
		"was set back":     {snap(clock(snapshot.Clock{Files: []snapshot.ClockFile{{Path: "/var/lib/systemd/timesync/clock", Modified: now.Add(time.Hour)}}})), Seen},
		"etcd measures it": {snap(clock(snapshot.Clock{}), logs(logEtcdClock, "/var/log/pods/etcd/0.log", time.Second)), Seen},
		"not synchronised": {snap(clock(snapshot.Clock{Asked: true, State: "error"})), Absent},
		"nobody looked":    {snap(), NotLooked},
	})
}
