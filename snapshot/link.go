package snapshot

// LinkData is what the kind of an interface adds, as IFLA_INFO_DATA and, for
// what is enslaved, IFLA_INFO_SLAVE_DATA of linux/if_link.h say.
type LinkData struct {
	VNI      uint32      `json:"vni,omitempty"`      // vxlan, geneve
	UDPPort  int         `json:"udpPort,omitempty"`  // vxlan, geneve: destination port
	Local    string      `json:"local,omitempty"`    // vxlan and tunnels
	Remote   string      `json:"remote,omitempty"`   // vxlan and tunnels; of vxlan the default one
	Lower    string      `json:"lower,omitempty"`    // interface below, where it is in the same namespace
	Learning bool        `json:"learning,omitempty"` // vxlan learns addresses from traffic
	VLAN     int         `json:"vlan,omitempty"`     // number of a vlan interface
	Mode     string      `json:"mode,omitempty"`     // of macvlan, ipvlan and bond
	VRFTable uint32      `json:"vrfTable,omitempty"`
	Bridge   *BridgeData `json:"bridge,omitempty"`
	Port     *BridgePort `json:"port,omitempty"` // it is a port of a bridge
}

// BridgeData are a bridge's settings.
type BridgeData struct {
	STP           bool    `json:"stp,omitempty"`
	VLANFiltering bool    `json:"vlanFiltering,omitempty"`
	DefaultPVID   int     `json:"defaultPVID,omitempty"`
	ForwardDelay  float64 `json:"forwardDelay"` // seconds
	Ageing        float64 `json:"ageing"`       // seconds after which an address is forgotten
	Snooping      bool    `json:"snooping,omitempty"`
	IPTables      bool    `json:"ipTables,omitempty"` // of this bridge alone; the sysctl bridge-nf-call-iptables is for all
}

// BridgePort is the state of a bridge's port.
type BridgePort struct {
	State    string `json:"state"` // disabled, listening, learning, forwarding, blocking
	Cost     uint32 `json:"cost,omitempty"`
	Hairpin  bool   `json:"hairpin,omitempty"`
	Isolated bool   `json:"isolated,omitempty"`
	NoLearn  bool   `json:"noLearn,omitempty"` // learning is off
	NoFlood  bool   `json:"noFlood,omitempty"` // what is for an unknown address does not leave here
}

// XDP is the program that sees an interface's packets before anything else.
type XDP struct {
	Mode     string   `json:"mode"` // driver, generic, offload, several
	Programs []uint32 `json:"programs,omitempty"`
}

// An Address is an address of an interface with what RTM_GETADDR says of it.
type Address struct {
	Link      string   `json:"link"`
	Address   string   `json:"address"` // CIDR
	Peer      string   `json:"peer,omitempty"`
	Scope     string   `json:"scope"`               // global, site, link, host, nowhere
	Flags     []string `json:"flags,omitempty"`     // deprecated, dadfailed, tentative, secondary ...; without permanent
	Valid     uint32   `json:"valid,omitempty"`     // seconds left, 0 for ever
	Preferred uint32   `json:"preferred,omitempty"` // seconds left, 0 for ever
}

// Neighbours is a namespace's table of neighbours: ARP and NDP.
type Neighbours struct {
	States map[string]int `json:"states,omitempty" diff:"-"` // how many are in which state
	List   []Neighbour    `json:"list,omitempty"`            // those set by hand or failed first, bounded; without multicast
	FDB    []Neighbour    `json:"fdb,omitempty"`             // of vxlan interfaces: hardware address to the node behind it
}

// A Neighbour is where an address is reached on a link.
type Neighbour struct {
	Link    string   `json:"link" diff:"key"`
	Address string   `json:"address,omitempty" diff:"key"`
	MAC     string   `json:"mac,omitempty"`
	State   string   `json:"state" diff:"-"` // reachable, stale, permanent, failed ...
	Flags   []string `json:"flags,omitempty"`
}
