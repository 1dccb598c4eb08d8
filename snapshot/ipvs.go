package snapshot

// An IPVSService is a virtual server of the kernel's load balancer. Read with
// generic netlink's family IPVS, where it is there already.
type IPVSService struct {
	Protocol  string     `json:"protocol,omitempty" diff:"key"`
	Address   string     `json:"address,omitempty" diff:"key"` // address:port
	Mark      uint32     `json:"mark,omitempty" diff:"key"`    // of packets, in place of protocol and address
	Scheduler string     `json:"scheduler"`
	Timeout   uint32     `json:"timeout,omitempty"` // seconds for which a client stays at its server
	Servers   []IPVSReal `json:"servers,omitempty"`
	Conns     uint64     `json:"conns,omitempty" diff:"-"` // connections so far
}

// An IPVSReal is a server behind a virtual one.
type IPVSReal struct {
	Address  string `json:"address" diff:"key"` // address:port
	Method   string `json:"method"`             // masq, local, tunnel, route, bypass
	Weight   int    `json:"weight"`             // 0 takes no new connections
	Active   uint32 `json:"active" diff:"-"`
	Inactive uint32 `json:"inactive" diff:"-"`
}
