package snapshot

import "time"

// Access is who may come in and become root, and by what.
type Access struct {
	Accounts []Account `json:"accounts"`
	// Servers are the settings of sshd_config, in the order in which sshd
	// reads them: of each keyword the first holds.
	Servers []SSHSetting `json:"servers,omitempty"`
	Keys    []SSHKey     `json:"keys,omitempty"`
	PAM     []PAMRule    `json:"pam,omitempty"`
	Sudo    []Rule       `json:"sudo,omitempty"` // of sudoers, doas.conf and polkit, what stands out
	NSS     []NSSModule  `json:"nss,omitempty"`
	// Authorities are CA certificates that programs trust and that no
	// package brought.
	Authorities []Authority `json:"authorities,omitempty"`
	// Wrappers are lines of hosts.allow, hosts.deny and inetd that run a
	// program or refuse a connection.
	Wrappers []Rule `json:"wrappers,omitempty"`
}

// An Account is a line of /etc/passwd that can log in, has uid 0, or is odd.
type Account struct {
	Name   string `json:"name"`
	UID    int64  `json:"uid"`
	GID    int64  `json:"gid"`
	Home   string `json:"home"`
	Shell  string `json:"shell"`
	Line   int    `json:"line"`
	Source string `json:"source"`
	// Password is "locked", "set", "empty" or "none"; never its hash.
	Password string `json:"password,omitempty"`
	// Changed is the day on which the password was last changed.
	Changed time.Time `json:"changed,omitzero"`
	// Shells says that the shell is listed in /etc/shells.
	Shells bool `json:"shells,omitempty"`
	// ShellPackage owns the shell; ShellSum compares it with its package's.
	ShellPackage string `json:"shellPackage,omitempty"`
	ShellSum     string `json:"shellSum,omitempty"`
	// New says that the backup /etc/passwd- does not have the account.
	New bool `json:"new,omitempty"`
	// Groups are those of the account that make it nearly root.
	Groups []string `json:"groups,omitempty"`
}

// An SSHSetting is one keyword of sshd_config.
type SSHSetting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Match  string `json:"match,omitempty"` // the criteria of its block, "" outside any
	Source string `json:"source"`
	Line   int    `json:"line"`
	Holds  bool   `json:"holds,omitempty"` // no earlier one of the same keyword hides it
	Own    bool   `json:"own,omitempty"`   // the file is as its package made it
}

// An SSHKey is a line of an authorized_keys file.
type SSHKey struct {
	User        string   `json:"user"`
	Type        string   `json:"type"`
	Fingerprint string   `json:"fingerprint"` // SHA256:..., as ssh-keygen -l prints it
	Comment     string   `json:"comment,omitempty"`
	Options     []string `json:"options,omitempty"`
	Source      string   `json:"source"`
	Line        int      `json:"line"`
	UID         uint32   `json:"uid"`  // owner of the file
	Mode        uint32   `json:"mode"` // of the file
	Fixed       bool     `json:"fixed,omitempty"`
	Marks       []string `json:"marks,omitempty"`
}

// A PAMRule is a line of /etc/pam.d that stands out: its file is not its
// package's, or its module is none of a package, or runs or permits anything.
type PAMRule struct {
	Service  string `json:"service"`
	Type     string `json:"type"` // auth, account, password, session
	Control  string `json:"control"`
	Module   string `json:"module"`
	Args     string `json:"args,omitempty"`
	Source   string `json:"source"`
	Line     int    `json:"line"`
	Own      bool   `json:"own,omitempty"`      // the file is as its package made it
	Path     string `json:"path,omitempty"`     // of the module
	Package  string `json:"package,omitempty"`  // of the module
	Sum      string `json:"sum,omitempty"`      // of the module
	Included string `json:"included,omitempty"` // path:line that includes the file
}

// A Rule is a line of a configuration that grants or runs something.
type Rule struct {
	Kind    string   `json:"kind"`
	Text    string   `json:"text"`
	Source  string   `json:"source"`
	Line    int      `json:"line"`
	Package string   `json:"package,omitempty"`
	Sum     string   `json:"sum,omitempty"`
	Marks   []string `json:"marks,omitempty"`
}

// An NSSModule is a service that /etc/nsswitch.conf names.
type NSSModule struct {
	Database string `json:"database"`
	Name     string `json:"name"`
	Line     int    `json:"line"`
	Path     string `json:"path,omitempty"` // of its library; "" when the C library has it built in, or there is none
	Package  string `json:"package,omitempty"`
	Sum      string `json:"sum,omitempty"`
}

// An Authority is a CA certificate that stands among those that are trusted.
type Authority struct {
	Subject  string    `json:"subject"`
	SHA256   string    `json:"sha256"` // of the certificate
	Source   string    `json:"source"`
	NotAfter time.Time `json:"notAfter"`
}
