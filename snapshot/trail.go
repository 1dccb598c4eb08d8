package snapshot

import "time"

// Trail is who did what to the node and the cluster lately, as the audit logs
// and the records of logins and packages tell. Each list is bounded and holds
// the newest.
type Trail struct {
	Audit    []AuditLog      `json:"audit,omitempty"` // of the API server
	Changes  []APIChange     `json:"changes,omitempty"`
	Kernel   []KernelAudit   `json:"kernel,omitempty"` // /var/log/audit/audit.log
	Logins   []Login         `json:"logins,omitempty"` // wtmp and btmp
	Last     []Login         `json:"last,omitempty"`   // lastlog
	Records  []LoginFile     `json:"records,omitempty"`
	Packages []PackageChange `json:"packages,omitempty"`
	Commands []RootCommand   `json:"commands,omitempty"` // by sudo and su
}

// An AuditLog is a file of the API server's audit log, and what was read of it.
type AuditLog struct {
	Path   string    `json:"path"`
	From   string    `json:"from,omitempty"` // the manifest that names it
	Size   int64     `json:"size"`           // bytes
	Read   int64     `json:"read"`           // bytes, from its end
	Events int       `json:"events"`         // in what was read
	Bad    int       `json:"bad,omitempty"`  // lines that are no event
	First  time.Time `json:"first,omitzero"`
	Last   time.Time `json:"last,omitzero"`
}

// An APIChange is a request that changed, or tried to change, an object. Those
// of one user, agent, verb and object that follow each other are counted as
// one. Bodies are never kept.
type APIChange struct {
	First       time.Time         `json:"first"`
	Last        time.Time         `json:"last"`
	Count       int               `json:"count"`
	Verb        string            `json:"verb"`
	User        string            `json:"user"`
	As          string            `json:"as,omitempty"` // impersonated
	Agent       string            `json:"agent,omitempty"`
	From        []string          `json:"from,omitempty"` // addresses
	Resource    string            `json:"resource"`       // group/resource/subresource
	Namespace   string            `json:"namespace,omitempty"`
	Name        string            `json:"name,omitempty"`
	Code        int               `json:"code,omitempty"`        // of HTTP
	Annotations map[string]string `json:"annotations,omitempty"` // of admission and authorization
	Path        string            `json:"path"`
	Offset      int64             `json:"offset"` // of the last such line in the file, in bytes
}

// A KernelAudit is a record of the kernel's audit.
type KernelAudit struct {
	Time   time.Time         `json:"time"`
	Serial string            `json:"serial"`
	Type   string            `json:"type"`
	Fields map[string]string `json:"fields,omitempty"` // exe, comm, key, auid, uid, argv, res, ...; denied: the rights that SELinux denied
	Offset int64             `json:"offset"`
}

// A Login is a record of utmp(5).
type Login struct {
	Source string    `json:"source"` // the file
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // boot, runlevel, login, logout, user, clock, failed, last
	User   string    `json:"user,omitempty"`
	Line   string    `json:"line,omitempty"` // terminal
	Host   string    `json:"host,omitempty"` // as it was told; or the kernel's release
	Addr   string    `json:"addr,omitempty"`
	PID    int32     `json:"pid,omitempty"`
}

// A LoginFile is a file of login records.
type LoginFile struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"` // bytes
	Records int    `json:"records"`
	// Zeroed are records without anything in them between others: what is
	// left where a record was wiped. Lastlog has them for users that never
	// logged in, and they are not counted there.
	Zeroed int `json:"zeroed,omitempty"`
	// Odd are bytes beyond the last whole record.
	Odd int64 `json:"odd,omitempty"`
	// Backward is how often a record is older than the one before it.
	Backward int `json:"backward,omitempty"`
}

// A PackageChange is what dpkg did to a package.
type PackageChange struct {
	Time    time.Time `json:"time"`
	Action  string    `json:"action"` // install, upgrade, remove, purge
	Package string    `json:"package"`
	From    string    `json:"from,omitempty"`
	To      string    `json:"to,omitempty"`
	By      string    `json:"by,omitempty"` // apt's command line
	Path    string    `json:"path"`
	Line    int       `json:"line"`
}

// A RootCommand is a command run as another user.
type RootCommand struct {
	Time    time.Time `json:"time,omitzero"`
	User    string    `json:"user"`
	As      string    `json:"as,omitempty"`
	Dir     string    `json:"dir,omitempty"`
	Command string    `json:"command,omitempty"`
	Source  string    `json:"source"` // journal, or a file
	Cursor  string    `json:"cursor,omitempty"`
}
