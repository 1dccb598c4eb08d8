package snapshot

// Netfilter is the packet filter of one network namespace: nftables, what
// iptables-nft stores in them, the older tables of iptables, and ipsets.
type Netfilter struct {
	Tables     []FilterTable `json:"tables,omitempty"`
	Flowtables []Flowtable   `json:"flowtables,omitempty"`
	IPSets     []IPSet       `json:"ipsets,omitempty"`
	// Rules are all outside the service proxy's and CNI plugins' chains, in
	// the order of tables and chains, bounded.
	Rules []FilterRule `json:"rules,omitempty"`
	// Proxy sums up the rules of the service proxy.
	Proxy []ProxyRules `json:"proxy,omitempty"`

	NFTRules    int      `json:"nftRules,omitempty"`    // how many nftables has
	LegacyRules int      `json:"legacyRules,omitempty"` // how many the older tables have
	Mixed       bool     `json:"mixed,omitempty"`       // both have some: each packet passes both
	Legacy      []string `json:"legacy,omitempty"`      // older tables that are loaded: "ip nat"
}

// A FilterTable is a table with its chains and sets.
type FilterTable struct {
	Backend string        `json:"backend"` // nft or legacy
	Family  string        `json:"family" diff:"key"`
	Name    string        `json:"name" diff:"key"`
	Flags   []string      `json:"flags,omitempty"` // dormant (its rules do nothing), owner, persist
	Chains  []FilterChain `json:"chains,omitempty"`
	Sets    []FilterSet   `json:"sets,omitempty"`
	// Sum is of all that the table says, without counters, where it is nft's and
	// has no chain of the service proxy: it pins the table for op.DeleteFilter.
	Sum string `json:"sum,omitempty"`
	// Omitted is how many chains of the service proxy are not among them.
	Omitted int `json:"omitted,omitempty"`
}

// A FilterChain is a chain; one with a hook is where packets enter.
type FilterChain struct {
	Name     string   `json:"name"`
	Type     string   `json:"type,omitempty"` // filter, nat, route
	Hook     string   `json:"hook,omitempty"` // prerouting, input, forward, output, postrouting, ingress, egress
	Priority int      `json:"priority,omitempty"`
	Policy   string   `json:"policy,omitempty"` // accept or drop
	Devices  []string `json:"devices,omitempty"`
	Rules    int      `json:"rules,omitempty"`
	Packets  uint64   `json:"packets,omitempty" diff:"-"` // that met the policy, where they are counted
	Sum      string   `json:"sum,omitempty"`              // of the chain and its rules, of nft: the pin for op.DeleteFilter
}

// A FilterSet is a named set or map.
type FilterSet struct {
	Name     string   `json:"name"`
	Map      bool     `json:"map,omitempty"`
	Key      string   `json:"key,omitempty"` // ipv4_addr . inet_service
	Flags    []string `json:"flags,omitempty"`
	Count    int      `json:"count"`
	Elements []string `json:"elements,omitempty"` // the first ones
}

// A Flowtable lets packets of known connections pass the rest by.
type Flowtable struct {
	Family   string   `json:"family"`
	Table    string   `json:"table"`
	Name     string   `json:"name"`
	Priority int      `json:"priority"`
	Devices  []string `json:"devices,omitempty"`
}

// An IPSet is a set of iptables. Read with nfnetlink's subsystem of ipset.
type IPSet struct {
	Name       string   `json:"name"`
	Type       string   `json:"type"` // hash:ip ...
	Family     string   `json:"family,omitempty"`
	Count      int      `json:"count"`
	Max        int      `json:"max,omitempty"`
	References int      `json:"references"`
	Timeout    int      `json:"timeout,omitempty"`  // seconds, of new elements
	Elements   []string `json:"elements,omitempty"` // the first ones, as far as they are addresses and ports
}

// ProxyRules sum up what the service proxy keeps in one table.
type ProxyRules struct {
	Backend  string   `json:"backend"`
	Family   string   `json:"family" diff:"key"`
	Table    string   `json:"table" diff:"key"`
	Chains   int      `json:"chains"`
	Rules    int      `json:"rules"`
	Services []string `json:"services,omitempty"` // namespace/name, with :port where it is named
}

// A FilterHook is how packets come to a rule.
type FilterHook struct {
	Hook     string   `json:"hook"`
	Chain    string   `json:"chain,omitempty"` // where they enter
	Priority int      `json:"priority"`
	Via      []string `json:"via,omitempty"` // chains from there to the rule's
	// Order says whether the rule comes before or after the service proxy's
	// at this hook; empty where that has none.
	Order string `json:"order,omitempty"`
}
