package snapshot

import "strconv"

// Activity is how processes behaved over a few samples: whether they run, and
// what holds them. It has the services of the node, and of all others those
// that are stopped, traced, frozen or stuck.
type Activity struct {
	Samples  int         `json:"samples"`
	WindowMs float64     `json:"windowMs" diff:"-"` // from the first sample to the last
	List     []Behaviour `json:"list,omitempty"`
}

// A Behaviour is what one process did between the samples.
type Behaviour struct {
	PID     int    `json:"pid" diff:"-"`
	Name    string `json:"name" diff:"key"`
	Service bool   `json:"service,omitempty"` // one of the control plane's or the node's
	// States are those of /proc/PID/stat, one letter a sample: T is stopped, t
	// traced, D waits uninterruptibly, "-" had ended.
	States string `json:"states" diff:"-"`
	// CPUMs is the processor time that it had, in the window and in all:
	// utime and stime of /proc/PID/stat, which count in steps of 10 ms.
	CPUMs      uint64 `json:"cpuMs,omitempty" diff:"-"`
	CPUTotalMs uint64 `json:"cpuTotalMs,omitempty" diff:"-"`
	// RanUs is the processor time of all its threads in the window, in
	// microseconds, of a service: /proc/PID/task/*/schedstat.
	RanUs  uint64          `json:"ranUs,omitempty" diff:"-"`
	Tracer int             `json:"tracer,omitempty" diff:"-"` // process that traces it
	Frozen string          `json:"frozen,omitempty"`          // folder of the control group that is frozen
	Wait   string          `json:"wait,omitempty" diff:"-"`   // where in the kernel it waits: /proc/PID/wchan
	Files  int             `json:"files,omitempty" diff:"-"`  // open files, of a service
	Limits []ResourceLimit `json:"limits,omitempty"`          // of a service: those that are limited
}

// A ResourceLimit is a line of /proc/PID/limits.
type ResourceLimit struct {
	Name string `json:"name" diff:"key"` // such as "Max open files"
	Soft string `json:"soft"`            // a number or unlimited
	Hard string `json:"hard"`
	Unit string `json:"unit,omitempty"` // files, bytes, processes, seconds, us, signals, locks
}

// Soft is the soft limit of that name, as in /proc/PID/limits; false when
// there is none, or nothing was read.
func (b Behaviour) Soft(name string) (uint64, bool) {
	for _, l := range b.Limits {
		if l.Name == name {
			n, err := strconv.ParseUint(l.Soft, 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
