package snapshot

// A Nexthop is one of several ways of a route.
type Nexthop struct {
	Gateway string   `json:"gateway,omitempty"`
	Link    string   `json:"link,omitempty"`
	Weight  int      `json:"weight,omitempty"`
	Flags   []string `json:"flags,omitempty"` // dead, linkdown, onlink, pervasive
}

// A PolicyRule says which packets are routed by which table, in the order of
// its priorities. Read with RTM_GETRULE, see linux/fib_rules.h.
type PolicyRule struct {
	Family   string `json:"family"` // ip, ip6
	Priority uint32 `json:"priority"`
	Not      bool   `json:"not,omitempty"`  // for packets that do not match
	From     string `json:"from,omitempty"` // CIDR, empty for all
	To       string `json:"to,omitempty"`
	InLink   string `json:"inLink,omitempty"`
	OutLink  string `json:"outLink,omitempty"`
	Mark     string `json:"mark,omitempty"` // 0x1 or 0x1/0xff
	UIDs     string `json:"uids,omitempty"` // 0-99
	TOS      int    `json:"tos,omitempty"`
	Protocol string `json:"protocol,omitempty"` // of the packet: tcp, udp ...
	SrcPorts string `json:"srcPorts,omitempty"`
	DstPorts string `json:"dstPorts,omitempty"`
	Action   string `json:"action"` // lookup, goto, nop, blackhole, unreachable, prohibit
	Table    int    `json:"table,omitempty"`
	Goto     uint32 `json:"goto,omitempty"`
	Suppress string `json:"suppress,omitempty"` // results that do not count: prefixlength 0, ifgroup 1
	VRF      bool   `json:"vrf,omitempty"`      // the table is that of the packet's VRF
}
