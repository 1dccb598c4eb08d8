package snapshot

// Sockets are the sockets of the host's network namespace and of every pod's
// that others can reach or that see all packets, with the processes that hold
// them. Read with sock_diag(7), where that loads no module, else from
// /proc/PID/net; joined with /proc/PID/fd.
type Sockets struct {
	Listening []Socket      `json:"listening"`                // TCP that listens, UDP that is bound
	Raw       []Socket      `json:"raw,omitempty"`            // raw IP and packet sockets
	Unix      []Socket      `json:"unix,omitempty"`           // that listen
	Peers     []Connections `json:"peers,omitempty" diff:"-"` // of the host, at ports of the control plane
	// Nested says that the node's processes are in a PID namespace of their
	// own: who holds a socket without a visible owner may be outside of it.
	Nested bool `json:"nested,omitempty"`
}

// A Socket is one socket.
type Socket struct {
	NetNS    string `json:"netns" diff:"key"`             // host, namespace/pod or what else NetNS.Name says
	Protocol string `json:"protocol" diff:"key"`          // tcp, udp, raw, packet, unix
	Address  string `json:"address,omitempty" diff:"key"` // 0.0.0.0:6443, [::]:6443, a path, @ and an abstract name; of packet sockets the interface
	State    string `json:"state,omitempty"`              // listen, bound (a port taken without listening), unconn
	V6Only   bool   `json:"v6Only,omitempty"`             // [::] does not mean IPv4 too
	Link     string `json:"link,omitempty"`               // interface that it is bound to
	Number   string `json:"number,omitempty"`             // of raw and packet sockets: the protocol, such as icmp, all or 0x88cc
	UID      uint32 `json:"uid,omitempty"`
	Inode    uint64 `json:"inode" diff:"-"`
	// Queue is, of a listener, how many connections wait to be accepted, else
	// the bytes that wait to be read. Backlog is how many may wait, 0 where it
	// is not told.
	Queue   uint32 `json:"queue,omitempty" diff:"-"`
	Backlog uint32 `json:"backlog,omitempty"`

	Owners []SocketOwner `json:"owners,omitempty" diff:"-"`
	// Kernel names who of the kernel has it: vxlan vx0, wireguard, nfsd ...
	Kernel string `json:"kernel,omitempty"`
	// Unowned says that no process that is seen has it, and nothing of the
	// kernel is known to.
	Unowned bool `json:"unowned,omitempty"`
}

// A SocketOwner is a process with a descriptor of a socket. Its control group
// is that of the process.
type SocketOwner struct {
	PID       int    `json:"pid"`
	FD        int    `json:"fd"`
	Name      string `json:"name,omitempty"`
	Exe       string `json:"exe,omitempty"`
	Container string `json:"container,omitempty"`
}

// Connections are the TCP connections between the host and one peer at one
// port of the control plane.
type Connections struct {
	Port   int            `json:"port" diff:"key"`
	Server bool           `json:"server,omitempty" diff:"key"` // the port is this node's
	Peer   string         `json:"peer" diff:"key"`             // address, or address:port where Server is not set
	States map[string]int `json:"states" diff:"-"`             // established, synSent, closeWait ...
	Queued uint64         `json:"queued,omitempty" diff:"-"`
}
