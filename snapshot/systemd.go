package snapshot

import "time"

// Systemd is the units that matter: those of Kubernetes, and every unit that
// is not a package's, or to which a file of no package adds something.
type Systemd struct {
	Reachable bool   `json:"reachable"` // the manager answered on its private socket
	Units     []Unit `json:"units"`

	// Defaults are the settings of system.conf and its drop-ins.
	Defaults []Setting `json:"defaults,omitempty"`
	// DefaultTexts are those of these files that are not as a package made
	// them and set something; secrets replaced.
	DefaultTexts []Text `json:"defaultTexts,omitempty"`
	// Environment is what the manager gives to every service, secrets
	// replaced: property Environment of org.freedesktop.systemd1.Manager.
	Environment []string `json:"environment,omitempty"`
	// Timers are all timers that the manager has loaded.
	Timers []Timer `json:"timers,omitempty"`
	// Ailing are units of any owner that failed or are started again and again.
	Ailing []UnitState `json:"ailing,omitempty"`
	// Generators are programs of generator folders that no package owns, or
	// that are not what their package installed.
	Generators []Binary `json:"generators,omitempty"`
	// UserUnits are units of users' managers that are no package's.
	UserUnits []Unit `json:"userUnits,omitempty"`
	// Linger are the users whose units run without a login:
	// /var/lib/systemd/linger.
	Linger []string `json:"linger,omitempty"`
	// Loaded is when the manager last read all unit files:
	// the time of /run/systemd/systemd-units-load.
	Loaded time.Time `json:"loaded,omitzero"`
}

// A Timer is a timer unit as the manager sees it.
type Timer struct {
	Unit      string    `json:"unit"`
	Activates string    `json:"activates"`
	Active    string    `json:"active"`
	Next      time.Time `json:"next,omitzero"` // zero when it will not elapse
	Last      time.Time `json:"last,omitzero"` // zero when it has not
}

// A UnitState is a unit's state, of org.freedesktop.systemd1.Manager.ListUnits.
type UnitState struct {
	Unit   string `json:"unit"`
	Load   string `json:"load"`
	Active string `json:"active"`
	Sub    string `json:"sub"`
}

// A Unit is a systemd unit: its files merged by precedence and its state.
type Unit struct {
	Name     string    `json:"name"`
	Path     string    `json:"path,omitempty"` // the fragment
	Link     string    `json:"link,omitempty"` // target of the fragment, when it is a symbolic link
	DropIns  []string  `json:"dropIns,omitempty"`
	Masked   bool      `json:"masked,omitempty"`
	Package  string    `json:"package,omitempty"`  // owner of the fragment
	WantedBy []string  `json:"wantedBy,omitempty"` // links that enable it
	Settings []Setting `json:"settings,omitempty"`
	Load     string    `json:"load,omitempty"`   // loaded, not-found, masked, error
	Active   string    `json:"active,omitempty"` // active, inactive, failed, activating
	Sub      string    `json:"sub,omitempty"`

	// Known of Kubernetes' units and of failed ones.
	Result   string    `json:"result,omitempty"`
	MainPID  int       `json:"mainPID,omitempty"`
	Restarts int       `json:"restarts,omitempty"`
	Since    time.Time `json:"since,omitzero"`   // of the active state
	Reload   bool      `json:"reload,omitempty"` // files changed since they were loaded

	User      string     `json:"user,omitempty"`      // of a user's manager: the user, "*" for all
	Aliases   []string   `json:"aliases,omitempty"`   // other names by links
	Template  string     `json:"template,omitempty"`  // the fragment is that of this template
	Files     []UnitFile `json:"files,omitempty"`     // the fragment and the drop-ins
	Sourced   []Text     `json:"sourced,omitempty"`   // EnvironmentFile= and what it holds, secrets replaced
	Unit      string     `json:"unit,omitempty"`      // what a timer, path or socket starts
	State     string     `json:"state,omitempty"`     // enabled, static, masked, ... as the manager has it
	Group     string     `json:"group,omitempty"`     // control group, as the manager has it
	Effective []Property `json:"effective,omitempty"` // of Kubernetes' units: what is not as systemd has it by default

	// Of Kubernetes' units: what their files want and what is not there; of
	// these and of slices the files that are not as a package made them.
	Unmet []Requirement `json:"unmet,omitempty"`
	Texts []Text        `json:"texts,omitempty"`
}

// A Requirement is something that a line of a unit wants before its program is
// started: a program that can be run, a folder, a user, a file, a condition.
type Requirement struct {
	Key      string `json:"key"`   // ExecStartPre, WorkingDirectory, User, ConditionPathExists ...
	Value    string `json:"value"` // the program, folder, user or file
	Source   string `json:"source"`
	Line     int    `json:"line"`
	Optional bool   `json:"optional,omitempty"` // nothing comes of it: "-" before it
	Error    string `json:"error"`              // what is wrong with it
}

// A UnitFile is one of the files of a unit.
type UnitFile struct {
	Path     string    `json:"path"`
	Link     string    `json:"link,omitempty"`
	Package  string    `json:"package,omitempty"`
	Sum      string    `json:"sum,omitempty"` // "same" as its package made it, "differs", or ""
	UID      uint32    `json:"uid"`
	Mode     uint32    `json:"mode"`
	Modified time.Time `json:"modified,omitzero"` // of the bytes
	Changed  time.Time `json:"changed,omitzero"`  // of the inode; no program can set it
	Newer    bool      `json:"newer,omitempty"`   // changed after the manager last read all files
}

// A Property is a setting as the manager applies it.
type Property struct {
	Name    string `json:"name"`              // of the D-Bus property
	Value   string `json:"value"`             // as the files would write it
	Setting string `json:"setting,omitempty"` // what the files say, "" when they do not
	Source  string `json:"source,omitempty"`  // where they say it
	Line    int    `json:"line,omitempty"`
	Differs bool   `json:"differs,omitempty"` // the manager has another value than the files
}

// A Setting is one assignment of a unit, with where it stands.
type Setting struct {
	Section string `json:"section"`
	Key     string `json:"key"`
	Value   string `json:"value"`
	Source  string `json:"source"`
	Line    int    `json:"line"`
	// Replaced is set of an assignment that a later one of the same key
	// replaces. Those that an empty assignment resets are left out.
	Replaced bool `json:"replaced,omitempty"`
}

// Last returns the assignment of key that holds, of a unit's settings.
func (u Unit) Last(section, key string) (Setting, bool) {
	for i := len(u.Settings) - 1; i >= 0; i-- {
		if s := u.Settings[i]; s.Section == section && s.Key == key {
			return s, true
		}
	}
	return Setting{}, false
}

// Unit returns the unit of that name.
func (s *Systemd) Unit(name string) (Unit, bool) {
	for _, u := range s.Units {
		if u.Name == name {
			return u, true
		}
	}
	return Unit{}, false
}

// Persistence is everything that runs by itself: at boot, at a time, on an event.
type Persistence struct {
	Entries []Persistent `json:"entries"`
	// Packaged counts, by kind, the entries that are left out because they
	// are as their package made them.
	Packaged map[string]int `json:"packaged,omitempty"`
}

// A Persistent is one thing that runs by itself.
type Persistent struct {
	Kind       string   `json:"kind"`   // crontab, cron.d, cron-spool, cron-dir, anacron, at, service, timer, path, socket, drop-in, setting, rc.local, init, profile, udev, hook, generator, and those that internal/collect/systemd lists
	Source     string   `json:"source"` // file
	Line       int      `json:"line"`   // 0 when the whole file is the entry
	Text       string   `json:"text"`   // the line quoted
	User       string   `json:"user,omitempty"`
	Schedule   string   `json:"schedule,omitempty"`
	Command    string   `json:"command"`
	Unit       string   `json:"unit,omitempty"`    // systemd unit started
	Enabled    bool     `json:"enabled"`           // it will run by itself
	Running    bool     `json:"running,omitempty"` // a process of it lives now
	PIDs       []int    `json:"pids,omitempty"`
	Links      []string `json:"links,omitempty"`      // links that enable it
	Companions []string `json:"companions,omitempty"` // other files of the same entry: the service of a timer, drop-ins
	Package    string   `json:"package,omitempty"`    // owner of Source, "" when none
	Scripts    []Text   `json:"scripts,omitempty"`    // text files that the command runs or sources, depth 3
	Copies     []Text   `json:"copies,omitempty"`     // text files that the command, or a script of it, copies over others
	Files      []Text   `json:"files,omitempty"`      // Source, Companions and Links as they were read

	Sum   string    `json:"sum,omitempty"`   // of Source: "same" as its package made it, "differs", or "" when that is not known
	Marks []string  `json:"marks,omitempty"` // what Command, Text and Scripts do that is worth a second look
	At    time.Time `json:"at,omitzero"`     // when it runs next, where the entry says so
}

// Table reports whether the entry is a line of a table.
func (p Persistent) Table() bool {
	switch p.Kind {
	case "crontab", "cron.d", "cron-spool", "anacron", "at":
		return true
	}
	return false
}

// Recurs reports whether the entry runs again and again by itself, and not only
// when somebody comes or the node starts for the first time.
func (p Persistent) Recurs() bool {
	switch p.Kind {
	case "cron-dir", "timer", "path", "service":
		return p.Enabled || p.Running
	}
	return p.Table() && (p.Enabled || p.Running)
}

// Trust is what tells whether the operator's own tools are what they seem.
type Trust struct {
	Tools   []Tool `json:"tools"`
	Preload *Text  `json:"preload,omitempty"` // /etc/ld.so.preload, when it exists
	// Path are the folders in which the commands are looked for, in their
	// order: the usual ones, and before them those that a profile adds.
	Path []SearchFolder `json:"path,omitempty"`
}

// A SearchFolder is a folder of root's search path.
type SearchFolder struct {
	Dir    string `json:"dir"`
	Source string `json:"source,omitempty"` // the file that puts it before the usual ones
	Line   int    `json:"line,omitempty"`
}

// A Tool is a command and every file that PATH offers for it, first one first.
type Tool struct {
	Name string   `json:"name"`
	Hits []Binary `json:"hits"`
	// Body is the first hit's text when that is a script which is not as a
	// package made it; secrets replaced.
	Body *Text `json:"body,omitempty"`
}
