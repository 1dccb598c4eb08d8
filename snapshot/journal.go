package snapshot

import "time"

// Journal is whether the record of what happened is whole: the journal's
// files by their headers and indexes, the other logs by their sizes and
// times, and the settings that keep something from being written.
type Journal struct {
	MachineID  string        `json:"machineID,omitempty"` // of /etc/machine-id
	BootID     string        `json:"bootID,omitempty"`    // of the running kernel
	Booted     time.Time     `json:"booted,omitzero"`     // of the running kernel
	Persistent bool          `json:"persistent"`          // /var/log/journal is there
	Files      []JournalFile `json:"files,omitempty"`
	Sequences  []Sequence    `json:"sequences,omitempty"`
	Boots      []JournalBoot `json:"boots,omitempty"`    // those with entries, the oldest first
	Steps      []ClockStep   `json:"steps,omitempty"`    // of the clock, found by bisecting
	Silences   []Silence     `json:"silences,omitempty"` // among the last entries
	Settings   []LogSetting  `json:"settings,omitempty"` // of journald, rsyslog and auditd
	Texts      []LogFile     `json:"texts,omitempty"`    // files right below /var/log and of its usual folders
	Links      []LogLink     `json:"links,omitempty"`    // of /var/log/containers that lead to no log
}

// A JournalFile is one file of the journal, by its header.
type JournalFile struct {
	Path       string    `json:"path"`
	MachineID  string    `json:"machineID"`
	SequenceID string    `json:"sequenceID"`
	Size       int64     `json:"size"`             // bytes
	Entries    uint64    `json:"entries" diff:"-"` // as the header says
	Head       uint64    `json:"head"`             // number of the first entry
	Tail       uint64    `json:"tail" diff:"-"`    // number of the last entry
	First      time.Time `json:"first,omitzero"`
	Last       time.Time `json:"last,omitzero" diff:"-"`
	Online     bool      `json:"online,omitempty"` // being written, or left so by a crash
	Unclean    bool      `json:"unclean,omitempty"`
	// Walked is how many entries lie in the file, found without the index;
	// -1 where the file is too large to be walked.
	Walked int64  `json:"walked" diff:"-"`
	Damage string `json:"damage,omitempty"`
}

// A Sequence is the numbers that one journald gave: what it wrote to all files
// counts on without gaps.
type Sequence struct {
	ID      string `json:"id"`
	Head    uint64 `json:"head"`             // least number in any file
	Tail    uint64 `json:"tail" diff:"-"`    // greatest
	Entries uint64 `json:"entries" diff:"-"` // in all files
	// Missing are numbers that no file has: Tail - Head + 1 - Entries.
	Missing uint64 `json:"missing,omitempty" diff:"-"`
	// Gaps are ranges that no file covers, both ends included.
	Gaps [][2]uint64 `json:"gaps,omitempty"`
}

// A JournalBoot is a run of the machine that has entries.
type JournalBoot struct {
	ID    string    `json:"id"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last" diff:"-"`
}

// A ClockStep is two entries of one boot, one after the other, between which
// the clock moved otherwise than time passed. A step forward may be a machine
// that slept.
type ClockStep struct {
	Path   string    `json:"path"`
	Boot   string    `json:"boot"`
	Before time.Time `json:"before"`
	After  time.Time `json:"after"`
	ByMs   int64     `json:"byMs"` // negative: set back
	Seqnum uint64    `json:"seqnum"`
}

// A Silence is more than five minutes of one boot without an entry.
type Silence struct {
	Path   string    `json:"path"`
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Before int       `json:"before"` // entries in the hour before it, of those looked at
}

// A LogSetting is a line that says what is logged.
type LogSetting struct {
	Path  string `json:"path"`
	Line  int    `json:"line"`
	Key   string `json:"key"` // Storage, RateLimitBurst, ...; discard for rsyslog; rule for auditd
	Value string `json:"value"`
}

// A LogFile is a log that is no journal.
type LogFile struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"` // bytes
	Mode     uint32    `json:"mode"`
	UID      uint32    `json:"uid,omitempty"`
	Modified time.Time `json:"modified"`
	Changed  time.Time `json:"changed"` // which no call sets
	// Zeros is how many bytes from the beginning are zero: of a file that was
	// emptied while its writer went on, or overwritten.
	Zeros int64  `json:"zeros,omitempty"`
	Link  string `json:"link,omitempty"` // to what it leads
}

// A LogLink is a symbolic link.
type LogLink struct {
	Path   string `json:"path"`
	Target string `json:"target"`
}
