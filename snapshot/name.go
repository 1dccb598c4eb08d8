package snapshot

// Names is how the node finds the address of a name, by its files. The
// libraries that nsswitch.conf names are in Access.
type Names struct {
	Resolvers []Resolver  `json:"resolvers"`          // /etc/resolv.conf first, then the kubelet's and systemd-resolved's
	Hosts     []HostsLine `json:"hosts,omitempty"`    // of /etc/hosts
	Twice     []NameTwice `json:"twice,omitempty"`    // names that stand in /etc/hosts with several addresses of one family
	Switch    []ConfLine  `json:"switch,omitempty"`   // of /etc/nsswitch.conf: the database, and its sources
	HostConf  []ConfLine  `json:"hostConf,omitempty"` // of /etc/host.conf
	GaiConf   []ConfLine  `json:"gaiConf,omitempty"`  // of /etc/gai.conf
	Resolved  []ConfLine  `json:"resolved,omitempty"` // of systemd-resolved, in the order applied: a later one wins
	Nscd      bool        `json:"nscd,omitempty"`     // the socket of a name cache is there
	Shown     []string    `json:"shown,omitempty"`    // files of /run/systemd/resolve
}

// A Resolver is a file in the form of resolv.conf(5).
type Resolver struct {
	Path    string     `json:"path"`
	For     []string   `json:"for,omitempty"`  // node, kubelet, resolved
	Link    string     `json:"link,omitempty"` // target of a symbolic link
	Error   string     `json:"error,omitempty"`
	Servers []ConfLine `json:"servers,omitempty"` // nameserver: the first three are used
	Search  []ConfLine `json:"search,omitempty"`  // search and domain: the last one is used
	Options []ConfLine `json:"options,omitempty"` // options and sortlist
	Ignored []ConfLine `json:"ignored,omitempty"` // lines that the resolver does not take: indented ones, unknown words
}

// A ConfLine is a line with a word and what it is set to.
type ConfLine struct {
	Source string `json:"source,omitempty"` // the file, where it is not told beside it
	Line   int    `json:"line"`
	Key    string `json:"key" diff:"key"`
	Value  string `json:"value,omitempty"`
}

// A HostsLine is an entry of /etc/hosts.
type HostsLine struct {
	Line    int      `json:"line"`
	Address string   `json:"address" diff:"key"`
	Names   []string `json:"names,omitempty" diff:"key"`
	Bad     bool     `json:"bad,omitempty"`    // the address is none
	Padded  bool     `json:"padded,omitempty"` // more white space than a screen is wide
}

// A NameTwice is a name with several addresses: the first line wins for
// programs that take one.
type NameTwice struct {
	Name      string   `json:"name"`
	Addresses []string `json:"addresses"`
	Lines     []int    `json:"lines"`
}
