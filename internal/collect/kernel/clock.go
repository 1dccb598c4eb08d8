package kernel

import (
	"context"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// collectClock asks the kernel and looks for what keeps the time.
func collectClock(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	c := &snapshot.Clock{Keepers: timeKeepers(e, s.Processes)}
	if e.Live {
		var t unix.Timex // Modes 0 reads
		state, err := unix.ClockAdjtime(unix.CLOCK_REALTIME, &t)
		if err != nil {
			e.Gap(snapshot.SectionClock, "adjtimex", err)
		} else {
			adjusted(c, state, t)
		}
		c.Source = text(read(e, "/sys/devices/system/clocksource/clocksource0/current_clocksource"))
		c.RTCs = rtcs(e)
		c.Now = time.Now().UTC()
	}
	c.RTCZone = parseAdjtime(read(e, "/etc/adjtime"))
	for _, name := range clockFiles {
		if i, err := e.Stat(name); err == nil {
			c.Files = append(c.Files, snapshot.ClockFile{Path: name, Modified: i.Modified})
		}
	}
	s.Clock = c
	return ctx.Err()
}

// clockFiles are written when the time is right, or as it goes on.
var clockFiles = []string{
	"/run/systemd/timesync/synchronized", "/var/lib/systemd/timesync/clock", "/var/lib/chrony/drift", "/var/lib/chrony/chrony.drift",
	"/var/lib/ntp/ntp.drift", "/var/lib/ntpsec/ntp.drift", "/etc/adjtime", "/etc/localtime",
}

// states are the return values of adjtimex(2), from 0.
var states = []string{"ok", "insert", "delete", "leap", "wait", "error"}

// statusBits are the names of the bits of timex.status.
var statusBits = []string{"STA_PLL", "STA_PPSFREQ", "STA_PPSTIME", "STA_FLL", "STA_INS", "STA_DEL", "STA_UNSYNC", "STA_FREQHOLD",
	"STA_PPSSIGNAL", "STA_PPSJITTER", "STA_PPSWANDER", "STA_PPSERROR", "STA_CLOCKERR", "STA_NANO", "STA_MODE", "STA_CLK"}

// adjusted takes what adjtimex(2) answered.
func adjusted(c *snapshot.Clock, state int, t unix.Timex) {
	c.Asked = true
	c.State = "unknown"
	if state >= 0 && state < len(states) {
		c.State = states[state]
	}
	for i, name := range statusBits {
		if t.Status&(1<<i) != 0 {
			c.Status = append(c.Status, name)
		}
	}
	c.Synced = t.Status&unix.STA_UNSYNC == 0 && c.State != "error"
	c.OffsetUs = float64(t.Offset)
	if t.Status&unix.STA_NANO != 0 {
		c.OffsetUs /= 1000
	}
	c.MaxErrorUs, c.EstErrorUs = int64(t.Maxerror), int64(t.Esterror)
	c.FrequencyPP, c.TAI = float64(t.Freq)/65536, int(t.Tai)
}

// rtcs compares the clocks of /sys/class/rtc with the system's.
func rtcs(e *source.Env) []snapshot.RTC {
	var out []snapshot.RTC
	for _, dir := range e.Glob("/sys/class/rtc/rtc*") {
		file := path.Join(dir, "since_epoch")
		data, err := e.ReadFile(file)
		now := time.Now()
		n, bad := strconv.ParseInt(text(data), 10, 64)
		if err != nil || bad != nil {
			e.Gap(snapshot.SectionClock, file, err)
			continue
		}
		at := time.Unix(n, 0).UTC()
		out = append(out, snapshot.RTC{Name: text(read(e, path.Join(dir, "name"))), Source: file, Time: at,
			Ahead: at.Sub(now.Truncate(time.Second)).Seconds()})
	}
	return out
}

// parseAdjtime returns the third line of /etc/adjtime, described in
// adjtime_config(5).
func parseAdjtime(data []byte) string {
	lines := strings.Split(text(data), "\n")
	if len(lines) < 3 {
		return ""
	}
	return strings.TrimSpace(lines[2][:min(len(lines[2]), 16)])
}

// keepers are the programs that set the clock and their configuration.
var keepers = []struct {
	name, program string
	configs       []string
}{
	{"chrony", "chronyd", []string{"/etc/chrony/chrony.conf", "/etc/chrony.conf"}},
	{"timesyncd", "systemd-timesyncd", []string{"/etc/systemd/timesyncd.conf"}},
	{"ntp", "ntpd", []string{"/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/openntpd/ntpd.conf"}},
	{"ntp", "ntp-daemon", []string{"/etc/ntpd-rs/ntp.toml"}},
	{"ptp", "phc2sys", nil},
	{"ptp", "ptp4l", []string{"/etc/linuxptp/ptp4l.conf"}},
	{"hypervisor", "vmtoolsd", nil},
	{"hypervisor", "VBoxService", nil},
}

// timeKeepers are those that run or have a configuration.
func timeKeepers(e *source.Env, all *snapshot.Processes) []snapshot.Keeper {
	var out []snapshot.Keeper
	for _, k := range keepers {
		x := snapshot.Keeper{Name: k.name}
		for _, c := range k.configs {
			if x.Config == "" && e.Exists(c) {
				x.Config = c
			}
		}
		var running []snapshot.Process
		if all != nil {
			running = all.ByName(k.program)
		}
		for _, p := range running {
			x.PID, x.Exe = p.PID, p.Exe
			out = append(out, x)
		}
		if len(running) == 0 && x.Config != "" {
			out = append(out, x)
		}
	}
	return out
}
