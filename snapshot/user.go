package snapshot

// Users are the accounts of the node's own files. No hash of a password is
// ever kept.
type Users struct {
	List   []User      `json:"list"`
	Groups []UserGroup `json:"groups,omitempty"`
	Shells []string    `json:"shells,omitempty"` // of /etc/shells
	// Odd are lines that are no account: NIS includes, too few fields, a name
	// or a number twice.
	Odd []UserLine `json:"odd,omitempty"`
	// Changed are the differences to the copies that the tools of shadow
	// leave: /etc/passwd-, group-, shadow-, gshadow-.
	Changed []UserChange `json:"changed,omitempty"`
	Subs    []SubID      `json:"subs,omitempty"` // of /etc/subuid and /etc/subgid
}

// A User is a line of /etc/passwd with what /etc/shadow says of it.
type User struct {
	Name   string  `json:"name"`
	UID    uint32  `json:"uid"`
	GID    uint32  `json:"gid"`
	Home   string  `json:"home"`
	Shell  string  `json:"shell"`
	Line   int     `json:"line"` // of /etc/passwd
	Shadow *Shadow `json:"shadow,omitempty"`
	// Plain is the status of a password kept in /etc/passwd itself; "" when
	// it is in /etc/shadow.
	Plain string `json:"plain,omitempty"`
	// Listed says that Shell is in /etc/shells, where there is such a file.
	Listed bool    `json:"listed,omitempty"`
	Login  *Binary `json:"login,omitempty"` // the shell, when it lets someone in
}

// Shadow is the status of a password, of shadow(5).
type Shadow struct {
	Status  string `json:"status"` // set, empty, locked (of a set password), disabled (never valid)
	Line    int    `json:"line"`
	Changed int    `json:"changed,omitempty"` // days since 1970-01-01; 0 is unknown, or must be changed
	Expires int    `json:"expires,omitempty"` // day on which the account ends
}

// A UserGroup is a line of /etc/group.
type UserGroup struct {
	Name    string   `json:"name"`
	GID     uint32   `json:"gid"`
	Members []string `json:"members,omitempty"`
	Line    int      `json:"line"`
}

// A UserLine is a line that stands out.
type UserLine struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Raw    string `json:"raw"` // secrets replaced
	Reason string `json:"reason"`
}

// A UserChange is how an entry differs from that of the copy.
type UserChange struct {
	File string `json:"file"` // the file in force
	Line int    `json:"line"` // in it; 0 when the entry is gone
	Name string `json:"name"`
	What string `json:"what"`          // added, removed, changed
	Was  string `json:"was,omitempty"` // secrets replaced by their status
	Is   string `json:"is,omitempty"`
}

// A SubID is a range of IDs that a user may give to its namespaces.
type SubID struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	User  string `json:"user"`
	First uint64 `json:"first"`
	Count uint64 `json:"count"`
}

// User returns the account of that name.
func (u *Users) User(name string) (User, bool) {
	for _, x := range u.List {
		if x.Name == name {
			return x, true
		}
	}
	return User{}, false
}
