package network

import "golang.org/x/sys/unix"

// RouteText is the text of an RTM_NEWROUTE message, by which a route is named:
// see snapshot.Route.Text. It is empty for what is no route of a packet.
func RouteText(body []byte, names map[int]string) string {
	if r, ok := parseRoute(body, names); ok {
		return r.Text()
	}
	return ""
}

// RuleText is the text of an RTM_NEWRULE message.
func RuleText(body []byte, _ map[int]string) string {
	if r, ok := parsePolicyRule(body); ok {
		return r.Text()
	}
	return ""
}

// NeighbourText is the text of an RTM_NEWNEIGH message.
func NeighbourText(body []byte, names map[int]string) string {
	if n, _, ok := parseNeigh(body, names); ok && body[0] != unix.AF_BRIDGE {
		return n.Text()
	}
	return ""
}
