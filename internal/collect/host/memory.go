package host

import (
	"path"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// resources reads what there is of memory, processors and countable things.
func resources(e *source.Env, h *snapshot.Host) {
	h.Memory = parseMemory(read(e, "/proc/meminfo"), read(e, "/proc/vmstat"))
	h.Memory.Transparent = chosen(text(read(e, "/sys/kernel/mm/transparent_hugepage/enabled")))
	h.Memory.KSMRuns = text(read(e, "/sys/kernel/mm/ksm/run")) == "1"
	h.Swaps = parseSwaps(read(e, "/proc/swaps"))
	for _, dir := range e.Glob("/sys/block/zram*") {
		w := strings.Fields(text(read(e, path.Join(dir, "mm_stat"))))
		z := snapshot.Zram{Name: path.Base(dir), Size: number(read(e, path.Join(dir, "disksize")))}
		if len(w) > 2 {
			z.Used = number([]byte(w[2]))
		}
		h.Zrams = append(h.Zrams, z)
	}
	cpu := func(name string) string { return text(read(e, "/sys/devices/system/cpu/"+name)) }
	h.CPU = &snapshot.CPU{Online: cpu("online"), Possible: cpu("possible"), Present: cpu("present"), Offline: cpu("offline"),
		Isolated: cpu("isolated"), Nodes: text(read(e, "/sys/devices/system/node/online"))}
	h.Counts = counts(e)
}

// counts reads how many there are of what the kernel limits.
func counts(e *source.Env) *snapshot.Counts {
	sys := func(name string) uint64 { return number(read(e, "/proc/sys/"+name)) }
	c := &snapshot.Counts{PIDMax: sys("kernel/pid_max"), ThreadsMax: sys("kernel/threads-max"), AIO: sys("fs/aio-nr"), AIOMax: sys("fs/aio-max-nr")}
	c.Tasks = parseTasks(read(e, "/proc/loadavg"))
	c.Files, c.FilesMax = parseFileNr(read(e, "/proc/sys/fs/file-nr"))
	if w := strings.Fields(text(read(e, "/proc/sys/fs/inode-nr"))); len(w) > 0 {
		c.Inodes = number([]byte(w[0]))
	}
	c.Keys = parseKeyUsers(read(e, "/proc/key-users"))
	return c
}

// chosen is the word in brackets.
func chosen(s string) string {
	_, rest, _ := strings.Cut(s, "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

// parseMemory reads /proc/meminfo and /proc/vmstat.
func parseMemory(meminfo, vmstat []byte) *snapshot.Memory {
	m := &snapshot.Memory{}
	fields := map[string]*uint64{
		"MemFree:": &m.Free, "Buffers:": &m.Buffers, "Cached:": &m.Cached, "AnonPages:": &m.Anonymous, "Shmem:": &m.Shared, "Slab:": &m.Slab,
		"SUnreclaim:": &m.Unreclaimed, "PageTables:": &m.PageTables, "Dirty:": &m.Dirty, "Writeback:": &m.Writeback, "Mlocked:": &m.Locked,
		"SwapTotal:": &m.SwapTotal, "SwapFree:": &m.SwapFree, "CommitLimit:": &m.CommitLimit, "Committed_AS:": &m.Committed,
		"HugePages_Total:": &m.HugeTotal, "HugePages_Free:": &m.HugeFree, "Hugepagesize:": &m.HugeSize, "HardwareCorrupted:": &m.Corrupted,
	}
	for line := range strings.Lines(string(meminfo)) {
		w := strings.Fields(line)
		if len(w) < 2 || fields[w[0]] == nil {
			continue
		}
		n, _ := strconv.ParseUint(w[1], 10, 64)
		if len(w) > 2 { // kB
			n <<= 10
		}
		*fields[w[0]] = n
	}
	for line := range strings.Lines(string(vmstat)) {
		w := strings.Fields(line)
		if len(w) != 2 {
			continue
		}
		n, _ := strconv.ParseUint(w[1], 10, 64)
		switch {
		case w[0] == "oom_kill":
			m.OOMKills = n
		case strings.HasPrefix(w[0], "allocstall_"):
			m.AllocStalls += n
		}
	}
	return m
}

// parseSwaps reads /proc/swaps, whose sizes are of 1024 bytes.
func parseSwaps(data []byte) []snapshot.Swap {
	var out []snapshot.Swap
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		if len(w) < 5 || w[0] == "Filename" || len(out) >= 100 {
			continue
		}
		size, _ := strconv.ParseUint(w[2], 10, 64)
		used, _ := strconv.ParseUint(w[3], 10, 64)
		priority, _ := strconv.Atoi(w[4])
		out = append(out, snapshot.Swap{Path: unescape(w[0]), Type: w[1], Size: size << 10, Used: used << 10, Priority: priority})
	}
	return out
}

// parseTasks is the number of tasks in /proc/loadavg, such as 1/643.
func parseTasks(data []byte) uint64 {
	w := strings.Fields(string(data))
	if len(w) < 4 {
		return 0
	}
	_, all, _ := strings.Cut(w[3], "/")
	n, _ := strconv.ParseUint(all, 10, 64)
	return n
}

// parseFileNr reads fs.file-nr: allocated, unused, most.
func parseFileNr(data []byte) (used, most uint64) {
	w := strings.Fields(string(data))
	if len(w) < 3 {
		return 0, 0
	}
	used, _ = strconv.ParseUint(w[0], 10, 64)
	most, _ = strconv.ParseUint(w[2], 10, 64)
	return used, most
}

// parseKeyUsers reads lines such as "0:  17 16/16 5/1000000 49/25000000",
// described in keyrings(7).
func parseKeyUsers(data []byte) []snapshot.KeyUse {
	var out []snapshot.KeyUse
	for line := range strings.Lines(string(data)) {
		w := strings.Fields(line)
		if len(w) < 5 || len(out) >= 200 {
			continue
		}
		uid, err := strconv.ParseUint(strings.TrimSuffix(w[0], ":"), 10, 32)
		if err != nil {
			continue
		}
		k := snapshot.KeyUse{UID: uint32(uid)}
		k.Keys, k.KeysMax = share(w[3])
		k.Bytes, k.BytesMax = share(w[4])
		out = append(out, k)
	}
	return out
}

func share(s string) (n, most uint64) {
	a, b, _ := strings.Cut(s, "/")
	n, _ = strconv.ParseUint(a, 10, 64)
	most, _ = strconv.ParseUint(b, 10, 64)
	return n, most
}
