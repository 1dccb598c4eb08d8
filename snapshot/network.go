package snapshot

import "fmt"

// Network is what rtnetlink and nfnetlink say, for each network namespace.
type Network struct {
	Namespaces []NetNS      `json:"namespaces"` // the host's first
	DNAT       []DNAT       `json:"dnat,omitempty"`
	Conntrack  Conntrack    `json:"conntrack"`
	Rules      []FilterRule `json:"rules,omitempty"` // verdicts that drop, reject or redirect, outside the service proxy's chains
	Resolv     *Text        `json:"resolv,omitempty"`
	Hosts      *Text        `json:"hosts,omitempty"`
	Netem      bool         `json:"netem,omitempty"` // the kernel has the netem qdisc, loaded, built in or as a module
	// Others are namespaces that are neither the host's nor a ready pod's:
	// named ones of /run/netns and those that other processes are in.
	Others []NetNS `json:"others,omitempty"`
}

// A NetNS is one network namespace.
type NetNS struct {
	Inode     uint64  `json:"inode"`
	Host      bool    `json:"host,omitempty"`
	Namespace string  `json:"namespace,omitempty"` // of the pod
	Pod       string  `json:"pod,omitempty"`
	Path      string  `json:"path,omitempty"` // where it can be entered
	Links     []Link  `json:"links"`
	Routes    []Route `json:"routes,omitempty"`
	Qdiscs    []Qdisc `json:"qdiscs,omitempty"`

	Named       string          `json:"named,omitempty"`        // its name in /run/netns
	PID         int             `json:"pid,omitempty" diff:"-"` // a process in it, of a namespace that is no pod's
	Addresses   []Address       `json:"addresses,omitempty"`
	Neighbours  *Neighbours     `json:"neighbours,omitempty"`
	PolicyRules []PolicyRule    `json:"policyRules,omitempty"`
	Classes     []TrafficClass  `json:"classes,omitempty"`
	Filters     []TrafficFilter `json:"filters,omitempty"`
	Netfilter   *Netfilter      `json:"netfilter,omitempty"`
	Tracked     *Tracked        `json:"tracked,omitempty"`
	IPVS        []IPVSService   `json:"ipvs,omitempty"`
}

// Tracked are a namespace's figures of connection tracking since it was made,
// from /proc/net/stat/nf_conntrack and the settings of nf_conntrack.
type Tracked struct {
	Count        int    `json:"count" diff:"-"`
	Max          int    `json:"max"` // 0 for the host's
	Invalid      uint64 `json:"invalid,omitempty" diff:"-"`
	InsertFailed uint64 `json:"insertFailed,omitempty" diff:"-"`
	Drop         uint64 `json:"drop,omitempty" diff:"-"`      // packets, since the table was full or a race was lost
	EarlyDrop    uint64 `json:"earlyDrop,omitempty" diff:"-"` // connections that were given up to make room
}

// Name is "host" or "namespace/pod"; of others "netns/" and their name, or
// "pid/" and a process.
func (n NetNS) Name() string {
	switch {
	case n.Host:
		return "host"
	case n.Pod == "" && n.Named != "":
		return "netns/" + n.Named
	case n.Pod == "" && n.PID > 0:
		return fmt.Sprintf("pid/%d", n.PID)
	}
	return n.Namespace + "/" + n.Pod
}

// A Link is a network interface.
type Link struct {
	Index     int      `json:"index"`
	Name      string   `json:"name"`
	Kind      string   `json:"kind"` // veth, bridge, vxlan, device ...
	Up        bool     `json:"up"`
	Carrier   bool     `json:"carrier"`
	MTU       int      `json:"mtu"`
	MAC       string   `json:"mac,omitempty"`
	Master    string   `json:"master,omitempty"`
	Peer      int      `json:"peer,omitempty"`      // index of a veth's other end
	PeerNS    uint64   `json:"peerNS,omitempty"`    // inode of the namespace it lies in, when known
	Addresses []string `json:"addresses,omitempty"` // CIDR
	RxBytes   uint64   `json:"rxBytes" diff:"-"`
	TxBytes   uint64   `json:"txBytes" diff:"-"`
	RxDropped uint64   `json:"rxDropped" diff:"-"`
	TxDropped uint64   `json:"txDropped" diff:"-"`

	Flags          []string  `json:"flags,omitempty"`   // as ip-link(8) names them
	State          string    `json:"state,omitempty"`   // operational: up, down, dormant, lowerlayerdown, unknown ...
	Promisc        int       `json:"promisc,omitempty"` // how many want every packet
	Queue          int       `json:"queue,omitempty"`   // packets that the interface's queue takes
	Group          int       `json:"group,omitempty"`
	AltNames       []string  `json:"altNames,omitempty"`
	CarrierChanges uint32    `json:"carrierChanges,omitempty" diff:"-"`
	RxErrors       uint64    `json:"rxErrors,omitempty" diff:"-"`
	TxErrors       uint64    `json:"txErrors,omitempty" diff:"-"`
	RxPackets      uint64    `json:"rxPackets,omitempty" diff:"-"`
	TxPackets      uint64    `json:"txPackets,omitempty" diff:"-"`
	XDP            *XDP      `json:"xdp,omitempty"`
	Data           *LinkData `json:"data,omitempty"`
}

// A Route is one route of the main, local or another table.
type Route struct {
	Dst     string `json:"dst"` // CIDR, or default
	Gateway string `json:"gateway,omitempty"`
	Link    string `json:"link,omitempty"`
	Source  string `json:"source,omitempty"`
	Type    string `json:"type"` // unicast, blackhole, unreachable, prohibit, local, throw; another one where it was set by hand
	Table   int    `json:"table"`

	Family    string    `json:"family,omitempty"`   // ip, ip6
	Protocol  string    `json:"protocol,omitempty"` // who set it: kernel, boot, static, ra, dhcp, bird ... or a number
	Scope     string    `json:"scope,omitempty"`    // link, host, nowhere or a number; empty for global
	Metric    uint32    `json:"metric,omitempty"`
	MTU       uint32    `json:"mtu,omitempty"`
	Src       string    `json:"src,omitempty"` // of an IPv6 route for some sources alone
	TOS       int       `json:"tos,omitempty"`
	Flags     []string  `json:"flags,omitempty"`    // dead, linkdown, onlink, pervasive
	Nexthops  []Nexthop `json:"nexthops,omitempty"` // where there are several; Gateway and Link are the first's
	NexthopID uint32    `json:"nexthopID,omitempty"`
	Encap     string    `json:"encap,omitempty"` // ip, ip6, mpls, seg6 ... of a route into a tunnel
}

// A Qdisc is a queueing discipline. Raw is the kernel's own TCA_OPTIONS, so
// that exactly this qdisc can be made again.
type Qdisc struct {
	Link       string  `json:"link" diff:"key"`
	Kind       string  `json:"kind"`
	Handle     string  `json:"handle"`            // "8001:"
	Parent     string  `json:"parent" diff:"key"` // "root", "ingress" or "1:2"
	DelayUs    uint64  `json:"delayUs,omitempty"`
	JitterUs   uint64  `json:"jitterUs,omitempty"`
	LossPct    float64 `json:"lossPct,omitempty"`
	CorruptPct float64 `json:"corruptPct,omitempty"`
	RateBps    uint64  `json:"rateBps,omitempty"` // bits a second
	BurstBytes uint64  `json:"burstBytes,omitempty"`
	LimitBytes uint64  `json:"limitBytes,omitempty"`
	Bytes      uint64  `json:"bytes" diff:"-"`
	Packets    uint64  `json:"packets" diff:"-"`
	Drops      uint64  `json:"drops" diff:"-"`
	Overlimits uint64  `json:"overlimits" diff:"-"`
	Backlog    uint64  `json:"backlog" diff:"-"` // bytes waiting now
	Raw        []byte  `json:"raw,omitempty"`

	Default string `json:"default,omitempty"` // class that htb and hfsc give to what no filter matches
	Bands   int    `json:"bands,omitempty"`   // of prio
	Block   uint32 `json:"block,omitempty"`   // filters of ingress or clsact that are shared between interfaces
}

// A DNAT is a translation that the node's netfilter rules make of an address
// and port, followed through the chains to every destination it can end at.
type DNAT struct {
	Address  string   `json:"address,omitempty"` // "" for a node port
	Port     int      `json:"port"`
	Protocol string   `json:"protocol"`
	To       []string `json:"to"`                // address:port
	Chain    string   `json:"chain"`             // where it begins
	Service  string   `json:"service,omitempty"` // namespace/name, with :port when it is named, as the rules' comments or names tell it
}

// Conntrack is the connection tracking table.
type Conntrack struct {
	Count int    `json:"count" diff:"-"`
	Max   int    `json:"max"`
	Flows []Flow `json:"flows,omitempty" diff:"-"` // those of Services, bounded

	Zones map[string]int `json:"zones,omitempty" diff:"-"` // connections by zone, where there are zones
}

// A Flow is one tracked connection.
type Flow struct {
	Protocol string `json:"protocol"`
	From     string `json:"from"`
	To       string `json:"to"`
	NATTo    string `json:"natTo,omitempty"` // where replies come from
	State    string `json:"state,omitempty"`
}

// A FilterRule is one netfilter rule rendered as text, nearly as nft(8) or, of
// iptables, iptables-save(8) shows it. Text is all of it; the rest is what it
// means, as far as it is understood.
type FilterRule struct {
	Backend string `json:"backend"` // nft or legacy
	Family  string `json:"family"`
	Table   string `json:"table"`
	Chain   string `json:"chain"`
	Handle  uint64 `json:"handle"`
	Text    string `json:"text"`
	Verdict string `json:"verdict"` // drop, reject, redirect, dnat; in Netfilter.Rules also accept, jump, goto, return, snat, masquerade, mark, log, queue ...
	Packets uint64 `json:"packets" diff:"-"`
	Bytes   uint64 `json:"bytes" diff:"-"`

	// More says that the rule looks at more than the fields below tell: a mark,
	// a limit, an ipset, an extension that is not understood.
	More bool `json:"more,omitempty"`
	// Sum is of what the rule says, without its counters; empty for rules of the
	// older tables. It pins the rule for op.DeleteRule.
	Sum string `json:"sum,omitempty"`

	Protocol string       `json:"protocol,omitempty"`
	From     []string     `json:"from,omitempty"` // addresses and prefixes, with "!" where all others are meant
	To       []string     `json:"to,omitempty"`
	SrcPorts []string     `json:"srcPorts,omitempty"` // 53 or 6443-6444
	DstPorts []string     `json:"dstPorts,omitempty"`
	InLink   string       `json:"inLink,omitempty"`
	OutLink  string       `json:"outLink,omitempty"`
	States   string       `json:"states,omitempty"` // of connection tracking
	Comment  string       `json:"comment,omitempty"`
	Target   string       `json:"target,omitempty"` // chain of a jump, address and port of a translation
	Hooks    []FilterHook `json:"hooks,omitempty"`  // from where it is reached; none means never
}

// Probes are connections made to see what works: bounded, never through a proxy.
type Probes struct {
	List     []Probe   `json:"list"`
	Contacts []Contact `json:"contacts,omitempty"` // with the control plane and name servers
}

// A Probe is several tries of one connection.
type Probe struct {
	Kind     string       `json:"kind" diff:"key"`  // pod, service, nodeport, dns, tcp, https
	From     string       `json:"from" diff:"key"`  // host, or namespace/pod whose network it was made from
	To       string       `json:"to" diff:"key"`    // address:port
	Target   string       `json:"target,omitempty"` // namespace/name of the pod or Service
	Path     []Hop        `json:"path,omitempty"`   // interfaces passed, in order, as far as this node sees
	Tries    int          `json:"tries"`
	Lost     int          `json:"lost"`
	Refused  int          `json:"refused"`
	MinMs    float64      `json:"minMs" diff:"-"`
	MedianMs float64      `json:"medianMs" diff:"-"`
	MaxMs    float64      `json:"maxMs" diff:"-"`
	Status   int          `json:"status,omitempty"` // HTTP
	Error    string       `json:"error,omitempty"`  // of the last failed try
	Cert     *Certificate `json:"cert,omitempty"`   // leaf presented
}

// A Hop is an interface on a packet's way.
type Hop struct {
	NetNS string `json:"netns"` // host, or namespace/pod
	Link  string `json:"link"`
}
