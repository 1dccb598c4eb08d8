package harden

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/klustered/klustered/op"
)

// rules writes a guard as nft(8) reads it: the same table that the machine
// makes over netlink. What a boot finds of it is replaced.
func rules(g op.Guard) []byte {
	var b bytes.Buffer
	var ports []string
	for _, p := range g.Ports {
		ports = append(ports, fmt.Sprint(p.Port))
	}
	fmt.Fprintf(&b, "# Who may reach etcd on this node. Made by klustered; undone by it too.\n")
	fmt.Fprintf(&b, "table inet %s\ndelete table inet %s\ntable inet %s {\n", g.Name, g.Name, g.Name)
	fmt.Fprintf(&b, "\tset guarded {\n\t\ttype inet_service\n\t\tflags timeout\n\t\telements = { %s }\n\t}\n", strings.Join(ports, ", "))
	for _, p := range g.Ports {
		v4, v6 := families(p.Allow)
		fmt.Fprintf(&b, "\tset v4-%d {\n\t\ttype ipv4_addr\n%s\t}\n", p.Port, elements(v4))
		fmt.Fprintf(&b, "\tset v6-%d {\n\t\ttype ipv6_addr\n%s\t}\n", p.Port, elements(v6))
	}
	fmt.Fprintf(&b, "\tchain input {\n\t\ttype filter hook input priority -10; policy accept;\n\t\tiif \"lo\" accept\n")
	for _, p := range g.Ports {
		fmt.Fprintf(&b, "\t\ttcp dport %d tcp dport @guarded ip saddr != @v4-%d counter drop\n", p.Port, p.Port)
		fmt.Fprintf(&b, "\t\ttcp dport %d tcp dport @guarded ip6 saddr != @v6-%d counter drop\n", p.Port, p.Port)
	}
	b.WriteString("\t}\n}\n")
	return b.Bytes()
}

func families(list []string) (v4, v6 []string) {
	for _, x := range list {
		if ip, err := netip.ParseAddr(x); err == nil && ip.Is4() {
			v4 = append(v4, x)
		} else if err == nil {
			v6 = append(v6, x)
		}
	}
	return v4, v6
}

func elements(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "\t\telements = { " + strings.Join(list, ", ") + " }\n"
}

// unit is the service that loads the rules before the network and the kubelet
// come up.
func unit(nft string) []byte {
	if nft == "" {
		nft = "/usr/sbin/nft"
	}
	return fmt.Appendf(nil, `[Unit]
Description=Let only members and API servers reach etcd
Before=network-pre.target kubelet.service
Wants=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=%s -f %s
ExecStop=%s delete table inet %s

[Install]
WantedBy=multi-user.target
`, nft, rulesPath, nft, GuardName)
}
