package snapshot

import "time"

// Systemd is the units that matter: those of Kubernetes, and every unit that
// is not a package's.
type Systemd struct {
	Reachable bool   `json:"reachable"` // the manager answered on its private socket
	Units     []Unit `json:"units"`
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
}

// A Setting is one assignment of a unit, with where it stands.
type Setting struct {
	Section string `json:"section"`
	Key     string `json:"key"`
	Value   string `json:"value"`
	Source  string `json:"source"`
	Line    int    `json:"line"`
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
}

// A Persistent is one thing that runs by itself.
type Persistent struct {
	Kind       string   `json:"kind"`   // crontab, cron.d, cron-spool, cron-dir, at, service, timer, path, socket, drop-in, setting, rc.local, profile, udev, hook, generator
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
	Files      []Text   `json:"files,omitempty"`      // Source, Companions and Links as they were read
}

// Trust is what tells whether the operator's own tools are what they seem.
type Trust struct {
	Tools   []Tool `json:"tools"`
	Preload *Text  `json:"preload,omitempty"` // /etc/ld.so.preload, when it exists
}

// A Tool is a command and every file that PATH offers for it, first one first.
type Tool struct {
	Name string   `json:"name"`
	Hits []Binary `json:"hits"`
}
