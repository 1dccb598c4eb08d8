package clock

import (
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// mark tells the simulation that the clock is off.
const mark = "/etc/adjtime"

func Test(t *testing.T) {
	faulttest.Run(t, Fault,
		faulttest.Broken(func(m *faulttest.Machine) { _ = m.WriteFile(mark, op.File{Data: []byte("LOCAL\n"), Mode: 0o644}) }),
		faulttest.Effect(func(m *faulttest.Machine, s *snapshot.Snapshot) {
			if _, err := m.ReadFile(mark); err == nil && s.Clock != nil {
				s.Clock.Peers = []snapshot.ClockPeer{{Source: "https://172.20.0.3:6443", Time: s.At.Add(-2 * time.Hour), At: s.At}}
			}
		}))
}

func TestDetect(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, tc := range map[string]struct {
		c    snapshot.Clock
		want int
	}{
		"two hours ahead":              {snapshot.Clock{Peers: []snapshot.ClockPeer{{Source: "a", Time: now.Add(-2 * time.Hour), At: now}}}, 1},
		"in step":                      {snapshot.Clock{Peers: []snapshot.ClockPeer{{Source: "a", Time: now.Add(-time.Second), At: now}}}, 0},
		"nobody keeps it, it is right": {snapshot.Clock{Asked: true, State: "error", Status: []string{"STA_UNSYNC"}}, 0},
		"the hardware's is local time": {snapshot.Clock{RTCs: []snapshot.RTC{{Name: "rtc0", Ahead: 7200}}, RTCZone: "LOCAL"}, 0},
		"it was set back":              {snapshot.Clock{Now: now, Files: []snapshot.ClockFile{{Path: "/var/lib/systemd/timesync/clock", Modified: now.Add(time.Hour)}}}, 1},
	} {
		if got := detect(&snapshot.Snapshot{Node: "n", At: now, Clock: &tc.c}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A mask is told with a clock that is off, and is nothing by itself.
func TestMask(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for name, tt := range map[string]struct {
		unit snapshot.Unit
		off  time.Duration
		want int // facts that name it
	}{
		"off, and masked":            {snapshot.Unit{Name: "chronyd.service", Path: "/etc/systemd/system/chronyd.service", Masked: true, Active: "inactive"}, time.Hour, 1},
		"off, and it runs still":     {snapshot.Unit{Name: "chronyd.service", Path: "/etc/systemd/system/chronyd.service", Masked: true, Active: "active"}, time.Hour, 0},
		"off, not masked":            {snapshot.Unit{Name: "chronyd.service", Path: "/etc/systemd/system/chronyd.service", Active: "inactive"}, time.Hour, 0},
		"right, and masked":          {snapshot.Unit{Name: "chronyd.service", Path: "/etc/systemd/system/chronyd.service", Masked: true, Active: "inactive"}, 0, 0},
		"off, and another is masked": {snapshot.Unit{Name: "cups.service", Path: "/etc/systemd/system/cups.service", Masked: true, Active: "inactive"}, time.Hour, 0},
	} {
		s := &snapshot.Snapshot{At: now, Systemd: &snapshot.Systemd{Units: []snapshot.Unit{tt.unit}},
			Clock: &snapshot.Clock{Now: now, Peers: []snapshot.ClockPeer{{Source: "api", Time: now.Add(-tt.off), At: now}}}}
		got := 0
		for _, f := range detect(s) {
			for _, x := range f.Facts {
				if x.Source == tt.unit.Path {
					got++
				}
			}
		}
		if got != tt.want {
			t.Errorf("%s: %d facts of %s", name, got, tt.unit.Path)
		}
	}
}
