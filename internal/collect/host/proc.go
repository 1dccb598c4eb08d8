package host

import (
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// parseOSRelease returns PRETTY_NAME of os-release(5).
func parseOSRelease(data []byte) string {
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
			return strings.ToValidUTF8(strings.Trim(strings.TrimSpace(v), `"'`), "?")
		}
	}
	return ""
}

// parseMeminfo returns MemTotal and MemAvailable in bytes.
func parseMeminfo(data []byte) (total, free uint64) {
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		if len(w) < 2 {
			continue
		}
		kib, _ := strconv.ParseUint(w[1], 10, 64)
		switch w[0] {
		case "MemTotal:":
			total = kib << 10
		case "MemAvailable:":
			free = kib << 10
		}
	}
	return total, free
}

// parseLoadavg returns the three means.
func parseLoadavg(data []byte) []float64 {
	w := strings.Fields(string(data))
	if len(w) < 3 {
		return nil
	}
	var out []float64
	for _, x := range w[:3] {
		f, err := strconv.ParseFloat(x, 64)
		if err != nil {
			return nil
		}
		out = append(out, f)
	}
	return out
}

// parseBoot returns btime of /proc/stat.
func parseBoot(data []byte) time.Time {
	for line := range strings.Lines(string(data)) {
		if v, ok := strings.CutPrefix(line, "btime "); ok {
			if n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64); err == nil {
				return time.Unix(n, 0).UTC()
			}
		}
	}
	return time.Time{}
}

// pressure reads /proc/pressure, which kernels without PSI do not have.
func pressure(e *source.Env) []snapshot.Pressure {
	var out []snapshot.Pressure
	for _, r := range []string{"cpu", "memory", "io"} {
		if data, err := e.ReadFile("/proc/pressure/" + r); err == nil {
			p := parsePressure(data)
			p.Resource = r
			out = append(out, p)
		}
	}
	return out
}

// parsePressure reads lines such as "some avg10=0.00 avg60=0.00 ...".
func parsePressure(data []byte) (p snapshot.Pressure) {
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		value := func(key string) float64 {
			for _, x := range w {
				if v, ok := strings.CutPrefix(x, key+"="); ok {
					f, _ := strconv.ParseFloat(v, 64)
					return f
				}
			}
			return 0
		}
		switch {
		case len(w) > 0 && w[0] == "some":
			p.Some10, p.Some60 = value("avg10"), value("avg60")
		case len(w) > 0 && w[0] == "full":
			p.Full10, p.Full60 = value("avg10"), value("avg60")
		}
	}
	return p
}

// window is the time between the two samples of the disks.
const window = 200 * time.Millisecond

// A diskCount is a line of /proc/diskstats: sums since boot.
type diskCount struct {
	device, name                      string
	reads, readMs, writes, writeMs    uint64
	inFlight, busyMs, weighted, merge uint64
}

// parseDiskstats reads the lines of Documentation/admin-guide/iostats.rst.
func parseDiskstats(data []byte) []diskCount {
	var out []diskCount
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		if len(w) < 14 {
			continue
		}
		var n [11]uint64
		for i := range n {
			n[i], _ = strconv.ParseUint(w[3+i], 10, 64)
		}
		out = append(out, diskCount{
			device: w[0] + ":" + w[1], name: w[2], reads: n[0], merge: n[1], readMs: n[3],
			writes: n[4], writeMs: n[7], inFlight: n[8], busyMs: n[9], weighted: n[10],
		})
	}
	return out
}

// diskChange is what the disks did between two samples. Disks that never did
// anything, such as unused loop devices, are left out.
func diskChange(first, second []diskCount, took time.Duration) []snapshot.Disk {
	was := map[string]diskCount{}
	for _, d := range first {
		was[d.device] = d
	}
	ms := float64(took.Microseconds()) / 1000
	var out []snapshot.Disk
	for _, d := range second {
		w, ok := was[d.device]
		if !ok || d.reads+d.writes == 0 || d.reads < w.reads || d.writes < w.writes || ms <= 0 {
			continue
		}
		out = append(out, snapshot.Disk{
			Device: d.device, Name: d.name, Reads: d.reads - w.reads, Writes: d.writes - w.writes,
			ReadMs: mean(d.readMs-w.readMs, d.reads-w.reads), WriteMs: mean(d.writeMs-w.writeMs, d.writes-w.writes),
			BusyPct: min(100, 100*float64(d.busyMs-w.busyMs)/ms), WindowMs: ms, InFlight: d.inFlight,
		})
	}
	return out
}

func mean(sum, n uint64) float64 {
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}
