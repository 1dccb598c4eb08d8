package snapshot

// Limits are the resource limits that files set for sessions and units.
type Limits struct {
	PAM     []LimitLine `json:"pam,omitempty"`     // of limits.conf(5), in the order read
	Manager []UnitLimit `json:"manager,omitempty"` // DefaultLimit*, DefaultTasksMax and the like of systemd-system.conf(5), in the order read: the last of a key counts
	NROpen  uint64      `json:"nrOpen,omitempty"`  // fs.nr_open, the most that any limit of open files may be
}

// A LimitLine is a line of /etc/security/limits.conf or limits.d.
type LimitLine struct {
	Domain string `json:"domain"` // user, @group, *, %group, a range of IDs
	Type   string `json:"type"`   // soft, hard, -
	Item   string `json:"item"`
	Value  string `json:"value"`
	File   string `json:"file"`
	Line   int    `json:"line"`
}
