package snapshot

// A TrafficClass is a class of a qdisc that has classes: htb, hfsc, prio and
// others. Classes are a tree by Parent.
type TrafficClass struct {
	Link       string `json:"link" diff:"key"`
	Kind       string `json:"kind"`
	Handle     string `json:"handle" diff:"key"` // 1:10
	Parent     string `json:"parent"`            // root or 1:1
	Leaf       string `json:"leaf,omitempty"`    // the qdisc below it: 10:
	Priority   uint32 `json:"priority,omitempty"`
	RateBps    uint64 `json:"rateBps,omitempty"` // bits a second that are guaranteed
	CeilBps    uint64 `json:"ceilBps,omitempty"` // bits a second at most
	BurstBytes uint64 `json:"burstBytes,omitempty"`
	// Curves are hfsc's: "rt", "ls" and "ul", each with bits a second at
	// first, for so many microseconds, then bits a second.
	Curves map[string]ServiceCurve `json:"curves,omitempty"`

	Bytes      uint64 `json:"bytes" diff:"-"`
	Packets    uint64 `json:"packets" diff:"-"`
	Drops      uint64 `json:"drops" diff:"-"`
	Overlimits uint64 `json:"overlimits" diff:"-"`
	Backlog    uint64 `json:"backlog" diff:"-"` // bytes waiting now
}

// A ServiceCurve is two rates of hfsc, one after the other.
type ServiceCurve struct {
	FirstBps  uint64 `json:"firstBps,omitempty"` // bits a second
	ForMicros uint32 `json:"forMicros,omitempty"`
	ThenBps   uint64 `json:"thenBps"`
}

// A TrafficFilter is a tc filter: it classifies packets, or acts on them.
// Read with RTM_GETTFILTER.
type TrafficFilter struct {
	Link      string          `json:"link"`
	Parent    string          `json:"parent"`   // ingress, egress (of clsact), root or 1:
	Protocol  string          `json:"protocol"` // all, ip, ipv6, arp, 802.1Q or 0x88a8
	Priority  int             `json:"priority"`
	Chain     uint32          `json:"chain,omitempty"`
	Kind      string          `json:"kind"` // u32, flower, matchall, bpf, basic ...
	Handle    string          `json:"handle,omitempty"`
	Match     []string        `json:"match,omitempty"` // what it looks at, as far as it is decoded
	Class     string          `json:"class,omitempty"` // where packets are classified to
	BPF       *FilterProgram  `json:"bpf,omitempty"`
	Actions   []TrafficAction `json:"actions,omitempty"`
	Undecoded int             `json:"undecoded,omitempty"` // bytes of options that Match and Actions do not tell
}

// A FilterProgram is the BPF program of a filter or action.
type FilterProgram struct {
	ID     uint32 `json:"id,omitempty"`
	Name   string `json:"name,omitempty"`
	Tag    string `json:"tag,omitempty"`
	Direct bool   `json:"direct,omitempty"` // what it returns is the verdict
}

// A TrafficAction is what is done with a packet that a filter matched.
type TrafficAction struct {
	Kind    string         `json:"kind" diff:"key"`           // gact, mirred, police, nat, pedit, skbedit, bpf, vlan, tunnel_key ...
	Control string         `json:"control"`                   // what becomes of the packet then: pass, drop, stolen, pipe ...
	Text    string         `json:"text,omitempty" diff:"key"` // egress redirect to eth0, rate 1Mbit ...
	Link    string         `json:"link,omitempty"`            // of mirred: where it is sent
	BPF     *FilterProgram `json:"bpf,omitempty"`

	Bytes   uint64 `json:"bytes" diff:"-"`
	Packets uint64 `json:"packets" diff:"-"`
	Drops   uint64 `json:"drops" diff:"-"`
}
