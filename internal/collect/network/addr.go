package network

import (
	"math"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

// addrFlags are IFA_F_* in the order of their bits. The bit of permanent is
// left out: that an address is not shows in its time.
var addrFlags = []string{"secondary", "nodad", "optimistic", "homeaddress", "dadfailed", "deprecated", "tentative", "",
	"managetempaddr", "noprefixroute", "mcautojoin", "stable-privacy"}

var scopes = map[byte]string{0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}

// parseAddr reads an RTM_NEWADDR message: struct ifaddrmsg and attributes. The
// index is the interface's.
func parseAddr(body []byte) (index int, x snapshot.Address, ok bool) {
	if len(body) < addrLen {
		return 0, x, false
	}
	a := rtnl.ParseAttrs(body, addrLen)
	local, okL := netip.AddrFromSlice(a.Get(unix.IFA_LOCAL))
	addr, okA := netip.AddrFromSlice(a.Get(unix.IFA_ADDRESS))
	switch {
	case !okL && !okA:
		return 0, x, false
	case !okL:
		local = addr
	case okA && local != addr:
		x.Peer = addr.String()
	}
	x.Address = netip.PrefixFrom(local, int(body[1])).String()
	if x.Scope = scopes[body[3]]; x.Scope == "" {
		x.Scope = number(uint32(body[3]))
	}
	flags := uint32(body[2])
	if f := a.Get(unix.IFA_FLAGS); len(f) >= 4 {
		flags = rtnl.Uint32(f, 0)
	}
	x.Flags = flagNames(flags, addrFlags)
	if len(x.Flags) > 0 && x.Flags[0] == "secondary" && local.Is6() {
		x.Flags[0] = "temporary"
	}
	// struct ifa_cacheinfo: preferred and valid seconds, then times of change
	if t := a.Get(unix.IFA_CACHEINFO); len(t) >= 8 {
		x.Preferred, x.Valid = seconds(rtnl.Uint32(t, 0)), seconds(rtnl.Uint32(t, 4))
	}
	return int(rtnl.Uint32(body, 4)), x, true
}

// seconds is a lifetime, 0 for ever.
func seconds(v uint32) uint32 {
	if v == math.MaxUint32 {
		return 0
	}
	return v
}
