package snapshot

import "time"

// Clock is the node's time and what keeps it.
type Clock struct {
	// Of adjtimex(2), asked without changing anything; Asked says that it
	// answered.
	Asked       bool     `json:"asked,omitempty"`
	Synced      bool     `json:"synced,omitempty"`
	State       string   `json:"state,omitempty"`             // ok, insert, delete, leap, wait, error
	Status      []string `json:"status,omitempty"`            // the bits, such as STA_UNSYNC
	OffsetUs    float64  `json:"offsetUs,omitempty" diff:"-"` // microseconds that are still to be corrected
	MaxErrorUs  int64    `json:"maxErrorUs,omitempty" diff:"-"`
	EstErrorUs  int64    `json:"estErrorUs,omitempty" diff:"-"`
	FrequencyPP float64  `json:"frequencyPPM,omitempty" diff:"-"` // parts in a million that the clock is made faster
	TAI         int      `json:"tai,omitempty"`

	Now     time.Time   `json:"now,omitzero" diff:"-"` // when RTC and files were compared
	Source  string      `json:"source,omitempty"`      // current_clocksource
	RTCs    []RTC       `json:"rtcs,omitempty"`
	RTCZone string      `json:"rtcZone,omitempty"` // UTC or LOCAL, of /etc/adjtime
	Keepers []Keeper    `json:"keepers,omitempty"` // services that set the clock
	Files   []ClockFile `json:"files,omitempty"`   // files that say when the time was last right
	Peers   []ClockPeer `json:"peers,omitempty"`   // the times of others
}

// An RTC is a clock that runs while the machine is off.
type RTC struct {
	Name   string    `json:"name"`
	Source string    `json:"source"`
	Time   time.Time `json:"time" diff:"-"`
	// Ahead is how many seconds it is ahead of the system's clock, taken as
	// UTC.
	Ahead float64 `json:"ahead" diff:"-"`
}

// A Keeper is a service that sets the clock.
type Keeper struct {
	Name   string `json:"name"`                   // chrony, timesyncd, ntp, ptp, hypervisor
	PID    int    `json:"pid,omitempty" diff:"-"` // 0 when it does not run
	Exe    string `json:"exe,omitempty"`
	Config string `json:"config,omitempty"` // its file, when it is there
}

// A ClockFile is a file whose time of modification tells something of the
// clock.
type ClockFile struct {
	Path     string    `json:"path"`
	Modified time.Time `json:"modified" diff:"-"`
}

// A ClockPeer is the time of another clock, such as the Date of an HTTP
// answer.
type ClockPeer struct {
	Source string    `json:"source"`
	Time   time.Time `json:"time" diff:"-"`
	At     time.Time `json:"at" diff:"-"` // by the node's clock
}
