// Package proc says who a process is: what it runs, for whom, in which unit or
// pod, and from whom it descends. Those that end at once are kept by a ring of
// starts.
package proc

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/secret"
)

// A Process is what /proc said of a process while it lived.
type Process struct {
	PID       int       `json:"pid"`
	PPID      int       `json:"ppid,omitempty"`
	Name      string    `json:"name,omitempty"` // comm
	Exe       string    `json:"exe,omitempty"`
	Args      []string  `json:"args,omitempty"` // secrets are replaced
	UID       int       `json:"uid"`
	LoginUID  int       `json:"loginUid"` // who logged in; -1 for nobody
	User      string    `json:"user,omitempty"`
	Login     string    `json:"login,omitempty"`
	Group     string    `json:"cgroup,omitempty"`
	Unit      string    `json:"unit,omitempty"`
	Pod       string    `json:"pod,omitempty"` // UID
	Container string    `json:"container,omitempty"`
	Start     time.Time `json:"start,omitzero"`

	// PIDs and Net are its namespaces of processes and of the network, as links
	// of /proc name them; "" when they could not be read.
	PIDs string `json:"-"`
	Net  string `json:"-"`

	// Forked reports that it has only been seen to be made: what it runs is what
	// its parent ran then.
	Forked bool `json:"-"`

	ticks uint64 // since boot, of its start
}

// Known reports whether anything beyond the number is known.
func (p Process) Known() bool { return p.Name != "" || p.Exe != "" }

// Command is the command line, or the name where there is none.
func (p Process) Command() string {
	if len(p.Args) == 0 {
		return p.Name
	}
	return strings.Join(p.Args, " ")
}

// most bounds the bytes that are read of any file of a process.
const most = 4 << 10

// tick is the kernel's unit of a start, USER_HZ, which is 100 on every
// architecture that Kubernetes runs on.
const tick = 10 * time.Millisecond

// A Reader reads processes below a procfs.
type Reader struct {
	Root string // "" is /proc
	boot time.Time
	buf  [most]byte
}

func (r *Reader) root() string {
	if r.Root == "" {
		return "/proc"
	}
	return r.Root
}

// file reads the start of one file, with as few calls as can be: the process may
// end meanwhile.
func (r *Reader) file(pid int, name string) []byte {
	fd, err := unix.Open(r.root()+"/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, r.buf[:])
	if err != nil {
		return nil
	}
	return r.buf[:max(n, 0)]
}

// Read reads a process; false when there is none any more.
func (r *Reader) Read(pid int) (Process, bool) {
	p := Process{PID: pid, UID: -1, LoginUID: -1}
	dir := r.root() + "/" + strconv.Itoa(pid)
	// what a process that ends soon says first is what matters most
	p.Exe, _ = os.Readlink(dir + "/exe")
	p.Args = Arguments(r.file(pid, "cmdline"))
	if !p.stat(r.file(pid, "stat")) {
		return p, false
	}
	p.group(string(r.file(pid, "cgroup")))
	p.UID = realUID(r.file(pid, "status"))
	if n, err := strconv.ParseUint(string(bytes.TrimSpace(r.file(pid, "loginuid"))), 10, 32); err == nil && n != 1<<32-1 {
		p.LoginUID = int(n)
	}
	p.Start = r.started(p.ticks)
	p.PIDs, _ = os.Readlink(dir + "/ns/pid")
	p.Net, _ = os.Readlink(dir + "/ns/net")
	return p, true
}

// brief reads only what a process runs.
func (r *Reader) brief(pid int) (p Process) {
	p.Exe, _ = os.Readlink(r.root() + "/" + strconv.Itoa(pid) + "/exe")
	p.Args = Arguments(r.file(pid, "cmdline"))
	return p
}

// started is the wall time of a start.
func (r *Reader) started(ticks uint64) time.Time {
	if r.boot.IsZero() {
		data, err := os.ReadFile(r.root() + "/stat")
		if err != nil {
			return time.Time{}
		}
		r.boot = bootTime(data)
	}
	if r.boot.IsZero() {
		return time.Time{}
	}
	return r.boot.Add(time.Duration(ticks) * tick).UTC()
}

func bootTime(data []byte) time.Time {
	_, rest, ok := bytes.Cut(data, []byte("\nbtime "))
	if !ok {
		return time.Time{}
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(line), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// stat takes in /proc/PID/stat, see proc_pid_stat(5): the name stands in
// parentheses and may hold any of them.
func (p *Process) stat(data []byte) bool {
	open, end := bytes.IndexByte(data, '('), bytes.LastIndexByte(data, ')')
	if open < 0 || end < open {
		return false
	}
	f := strings.Fields(string(data[end+1:]))
	if len(f) < 20 {
		return false
	}
	p.Name = string(data[open+1 : end])
	p.PPID, _ = strconv.Atoi(f[1])
	p.ticks, _ = strconv.ParseUint(f[19], 10, 64)
	return true
}

// maxArgs bounds the bytes of arguments that are kept.
const maxArgs = 1 << 10

// Arguments are those of /proc/PID/cmdline, with secrets replaced.
func Arguments(data []byte) []string {
	data = bytes.TrimRight(data, "\x00")
	if len(data) == 0 {
		return nil
	}
	if len(data) > maxArgs {
		data = append(bytes.Clone(data[:maxArgs]), "..."...)
	}
	out := strings.Split(string(data), "\x00")
	flag := ""
	for i, arg := range out {
		out[i] = secret.Scrub(arg)
		if strings.HasPrefix(flag, "-") { // its value is judged with it
			out[i], _ = strings.CutPrefix(secret.Scrub(flag+" "+out[i]), flag+" ")
		}
		flag = arg
	}
	return out
}

func realUID(status []byte) int {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("Uid:")); ok {
			if f := bytes.Fields(rest); len(f) > 0 {
				if n, err := strconv.Atoi(string(f[0])); err == nil {
					return n
				}
			}
		}
	}
	return -1
}

// group takes in /proc/PID/cgroup: the unified hierarchy, or else systemd's.
func (p *Process) group(text string) {
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		if f[1] == "name=systemd" || f[1] == "" && (p.Group == "" || p.Group == "/") || p.Group == "" {
			p.Group = f[2]
		}
	}
	p.Unit, p.Pod, p.Container = Place(p.Group)
}

// Place reads a path of control groups: the innermost unit of systemd, the pod
// and the container.
func Place(group string) (unit, pod, container string) {
	for _, part := range strings.Split(group, "/") {
		switch {
		case part == "":
		case podUID(part) != "":
			pod, container, unit = podUID(part), "", ""
		case containerID(part) != "":
			container, unit = containerID(part), ""
		case strings.HasSuffix(part, ".service") || strings.HasSuffix(part, ".scope"):
			unit = part
		}
	}
	return unit, pod, container
}

// podUID reads the kubelet's name of a pod's group: pod<uid>, or
// kubepods-burstable-pod<uid with _>.slice.
func podUID(part string) string {
	name, slice := strings.CutSuffix(part, ".slice")
	if slice {
		if !strings.HasPrefix(name, "kubepods-") {
			return ""
		}
		name = name[strings.LastIndexByte(name, '-')+1:]
	}
	uid, ok := strings.CutPrefix(name, "pod")
	if uid = strings.ReplaceAll(uid, "_", "-"); !ok || len(uid) < 32 {
		return ""
	}
	return uid
}

// containerID reads a runtime's name of a container's group: 64 hexadecimal
// digits, alone or in NAME-<id>.scope.
func containerID(part string) string {
	name := strings.TrimSuffix(part, ".scope")
	if i := strings.LastIndexAny(name, "-:"); i >= 0 {
		name = name[i+1:]
	}
	if len(name) != 64 || strings.Trim(name, "0123456789abcdef") != "" {
		return ""
	}
	return name
}

// Users are the names of the users of /etc/passwd.
func Users(data []byte) map[int]string {
	out := map[int]string{}
	for line := range bytes.Lines(data) {
		f := strings.SplitN(string(line), ":", 4)
		if len(f) < 4 {
			continue
		}
		if n, err := strconv.Atoi(f[2]); err == nil && out[n] == "" {
			out[n] = f[0]
		}
	}
	return out
}
