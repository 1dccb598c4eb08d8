package snapshot

// Sysctls are the settings of /proc/sys: what is in force, and every file that
// sets it at boot.
type Sysctls struct {
	Files []SysctlFile `json:"files"` // in the order in which they are applied
	// Keys are the settings that Kubernetes relies on and every setting that
	// a file names, by key.
	Keys []Sysctl `json:"keys"`
	// Loose are lines that set nothing here: patterns without a match, and
	// keys that this kernel does not have.
	Loose []SysctlLine `json:"loose,omitempty"`
}

// A SysctlFile is a file of sysctl.d(5), or /etc/sysctl.conf.
type SysctlFile struct {
	Path    string `json:"path"`
	Link    string `json:"link,omitempty"`    // target, when Path is a symbolic link
	Hidden  string `json:"hidden,omitempty"`  // the file of the same name that is read in its place
	Masked  bool   `json:"masked,omitempty"`  // empty or a link to /dev/null: it hides others of its name
	Procps  bool   `json:"procps,omitempty"`  // read by "sysctl --system" alone and not at boot: /etc/sysctl.conf without a link to it
	Package string `json:"package,omitempty"` // dpkg owner
}

// A Sysctl is one setting.
type Sysctl struct {
	Key   string       `json:"key"`  // as sysctl(8) writes it: dots between the parts, a slash for a dot in one
	Path  string       `json:"path"` // below /proc/sys
	Value string       `json:"value,omitempty"`
	There bool         `json:"there"`         // Path exists and was read
	Set   []SysctlLine `json:"set,omitempty"` // every line that sets it, in the order applied
}

// Wanted is the line that wins at boot, if any line sets the key: an explicit
// line before a pattern, a later one before an earlier, as sysctl.d(5) has it.
func (s Sysctl) Wanted() (SysctlLine, bool) {
	for _, l := range s.Set {
		if l.Wins {
			return l, true
		}
	}
	return SysctlLine{}, false
}

// A SysctlLine is a line that sets a key, or keeps patterns from setting it.
type SysctlLine struct {
	File     string `json:"file"` // or /proc/cmdline, for sysctl.KEY=VALUE
	Line     int    `json:"line"`
	Raw      string `json:"raw"`
	Key      string `json:"key"` // the key or pattern as Sysctl.Key is written
	Value    string `json:"value,omitempty"`
	Pattern  bool   `json:"pattern,omitempty"`  // Key has wildcards
	Optional bool   `json:"optional,omitempty"` // "-" before it: a failure is no error
	Excludes bool   `json:"excludes,omitempty"` // "-KEY" alone: patterns leave KEY as it is
	Procps   bool   `json:"procps,omitempty"`   // of a file that is not applied at boot
	Wins     bool   `json:"wins,omitempty"`     // its value is the one in force after boot
}

// Key returns the setting of that key.
func (s *Sysctls) Key(key string) (Sysctl, bool) {
	for _, x := range s.Keys {
		if x.Key == key {
			return x, true
		}
	}
	return Sysctl{}, false
}
