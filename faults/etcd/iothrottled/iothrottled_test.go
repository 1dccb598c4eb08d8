package iothrottled

import (
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestUnified(t *testing.T) { faulttest.Run(t, Fault, faulttest.CgroupV2()) }

func TestSetsLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want int
	}{
		"redirect":          {"#!/bin/sh\n\necho 8:0 100 > /sys/fs/cgroup/blkio/x/blkio.throttle.write_bps_device\n", 3},
		"quoted, expanded":  {"echo \"$d $n\" >\"$base${g#/x}/io.max\"", 1},
		"tee":               {"echo 8:0 wbps=9 | sudo tee -a /sys/fs/cgroup/x/io.max", 1},
		"dd":                {"printf x | dd of=/sys/fs/cgroup/x/io.max status=none", 1},
		"through variables": {"f=blkio.throttle.write_iops_device\np=\"$root/$f\"\necho 8:0 9 > \"$p\"", 3},
		"systemd":           {"systemctl set-property --runtime kubepods.slice IOWriteBandwidthMax='/dev/sda 1M'", 1},
		"unit setting":      {"IOWriteIOPSMax=/dev/sda 20", 1},
		"cgset":             {"cgset -r blkio.throttle.write_bps_device='8:0 9' g", 1},
		"python":            {"#!/usr/bin/python3\np = '/sys/fs/cgroup/x/io.max'\nopen(p, 'w').write('8:0 wbps=9')\n", 2},
		"only reads":        {"cat /sys/fs/cgroup/x/io.max > /tmp/report", 0},
		"only speaks of it": {"#!/bin/sh\n# writes io.max > x\necho io.max is set\n", 0},
		"lifts v1":          {"echo '8:0 0' > /sys/fs/cgroup/blkio/x/blkio.throttle.write_bps_device", 0},
		"lifts v2":          {"echo '8:0 rbps=max wbps=max' > /sys/fs/cgroup/x/io.max", 0},
		"another variable":  {"f=io.max\nfree=/tmp/x\necho a > $free", 0},
		"other file":        {"echo 5 > /proc/sys/vm/swappiness", 0},
	} {
		if got, line := setsLimit(tc.text); got != tc.want {
			t.Errorf("%s: line %d %q, want %d", name, got, line, tc.want)
		}
	}
}

func TestWhatBinds(t *testing.T) {
	const v1, v2 = "/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device", "/sys/fs/cgroup/io.max"
	snap := func(l snapshot.IOLimit) *snapshot.Snapshot {
		return &snapshot.Snapshot{
			Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 5, Name: "etcd", Cgroup: "/kubepods/pod1/c"}}},
			Cgroups:   &snapshot.Cgroups{Limits: []snapshot.IOLimit{l}},
			Host: &snapshot.Host{Disks: []snapshot.Disk{
				{Device: "8:0", Name: "sda"}, {Device: "8:1", Name: "sda1"}, {Device: "8:16", Name: "sdb"}, {Device: "253:0", Name: "dm-0"}}},
			Etcd: &snapshot.Etcd{Device: "8:1"},
		}
	}
	for name, tc := range map[string]struct {
		limit  snapshot.IOLimit
		device string
		want   bool
	}{
		"own group":            {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:0", Kind: "wbps", Value: 65536}, "", true},
		"above, v1 is flat":    {snapshot.IOLimit{Cgroup: "/kubepods/pod1", File: v1, Device: "8:0", Kind: "wbps", Value: 65536}, "", false},
		"above, v2":            {snapshot.IOLimit{Cgroup: "/kubepods", File: v2, Device: "8:0", Kind: "wbps", Value: 65536}, "", true},
		"above a namespace":    {snapshot.IOLimit{Cgroup: "/..", File: v2, Device: "8:0", Kind: "wiops", Value: 10}, "", true},
		"beside":               {snapshot.IOLimit{Cgroup: "/kubepods/pod", File: v2, Device: "8:0", Kind: "wbps", Value: 65536}, "", false},
		"another disk":         {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:16", Kind: "wbps", Value: 65536}, "", false},
		"under a volume":       {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:16", Kind: "wbps", Value: 65536}, "253:0", true},
		"high":                 {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:0", Kind: "wbps", Value: 40_000_000}, "", false},
		"reads, low":           {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:0", Kind: "riops", Value: 5}, "", true},
		"reads, high enough":   {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:0", Kind: "rbps", Value: 5_000_000}, "", false},
		"operations, generous": {snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:0", Kind: "wiops", Value: 3000}, "", false},
	} {
		s := snap(tc.limit)
		if tc.device != "" {
			s.Etcd.Device = tc.device
		}
		if got := len(detect(s)) > 0; got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	slow := snap(snapshot.IOLimit{Cgroup: "/kubepods/pod1/c", File: v1, Device: "8:0", Kind: "wbps", Value: 40_000_000})
	slow.Etcd.Latency = &snapshot.EtcdLatency{FsyncRecentMs: 300}
	if len(detect(slow)) != 1 {
		t.Error("a limit that etcd is seen to need more than is not found")
	}
}

func TestSuffering(t *testing.T) {
	s := &snapshot.Snapshot{
		Cgroups: &snapshot.Cgroups{Groups: []snapshot.Cgroup{{Path: "/e", Dir: "/sys/fs/cgroup/e", IOFull10: 61}, {Path: "/other", IOFull10: 90}}},
		Host: &snapshot.Host{
			Pressure: []snapshot.Pressure{{Resource: "cpu", Some10: 80}, {Resource: "io", Some10: 70, Full10: 12}},
			Disks:    []snapshot.Disk{{Device: "8:0", Name: "sda", Writes: 3, WriteMs: 410, BusyPct: 4, WindowMs: 200, InFlight: 1}},
		},
		Etcd: &snapshot.Etcd{Device: "8:0", Latency: &snapshot.EtcdLatency{FsyncRecentMs: 400, CommitRecentMs: -1, LeaderChanges: 3}},
	}
	var got []string
	for _, f := range suffering(s, "/e") {
		got = append(got, f.Source+": "+f.Got)
	}
	want := []string{
		"etcd metrics: sync of the log 400.0 ms, commit not seen, of late; 0 ms and 0 ms at the 99th percentile",
		"etcd metrics: 3 changes of the leader since the member started",
		"/sys/fs/cgroup/e/io.pressure: full avg10=61: all of etcd waits for I/O in that share of time",
		"/proc/pressure/io: some avg10=70 full avg10=12: tasks of the node wait for I/O",
		"/proc/diskstats: sda (8:0) is busy 4% of the time: 3 writes in 200 ms, 410.0 ms each, 1 under way",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if facts := suffering(&snapshot.Snapshot{Cgroups: &snapshot.Cgroups{}}, "/e"); facts != nil {
		t.Errorf("of nothing: %v", facts)
	}
}

// Who rations something else keeps doing so when etcd is freed.
func TestOtherHands(t *testing.T) {
	const group, own = "/kubepods/pod1/c", "/sys/fs/cgroup/kubepods/pod1/c/io.max"
	for line, want := range map[string]int{
		"echo '8:0 wbps=9' > " + own:                             1,
		"echo '8:0 wbps=9' > \"$dir/io.max\"":                    1,
		"echo '8:0 wbps=9' > /sys/fs/cgroup/kubepods/*/*/io.max": 1,
		"echo '8:0 wbps=9' > /sys/fs/cgroup/backup.slice/io.max": 0,
		"echo '8:0 wbps=9' | tee '/sys/fs/cgroup/build/io.max'":  0,
	} {
		s := &snapshot.Snapshot{
			Cgroups:     &snapshot.Cgroups{Limits: []snapshot.IOLimit{{Cgroup: group, File: own, Kind: "wbps", Value: 9}}},
			Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Kind: "cron.d", Source: "/etc/cron.d/x", Line: 1, Enabled: true, Command: line}}},
		}
		if got := setters(s, group); len(got) != want {
			t.Errorf("%s: %d hands, want %d", line, len(got), want)
		}
	}
}

func FuzzSetsLimit(f *testing.F) {
	f.Add("#!/bin/sh\nf=io.max\necho 8:0 9 > \"$f\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		if n, line := setsLimit(text); (n > 0) != (line != "") || n > strings.Count(text, "\n")+1 {
			t.Errorf("line %d %q", n, line)
		}
	})
}
