package isolated

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestHarms(t *testing.T) {
	s := &snapshot.Snapshot{Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Addresses: []string{"127.0.0.1/8", "10.0.0.5/24", "fe80::1/64"}}}}}}}
	for lines, want := range map[string]bool{
		"PrivateNetwork=yes": true, "PrivateNetwork=no": false,
		"NetworkNamespacePath=/run/netns/x": true, "NetworkNamespacePath=": false,
		"RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK": false, "RestrictAddressFamilies=AF_UNIX": true,
		"RestrictAddressFamilies=~AF_PACKET AF_BLUETOOTH": false, "RestrictAddressFamilies=~AF_INET": true, "RestrictAddressFamilies=none": true,
		"IPAddressDeny=any": true, "IPAddressDeny=any IPAddressAllow=localhost,10.0.0.0/8": false, "IPAddressDeny=any IPAddressAllow=localhost": true,
		"IPAddressDeny=192.0.2.0/24": false, "IPAddressDeny=10.0.0.5": true, "IPAddressDeny=multicast": false,
		"RestrictNetworkInterfaces=eth0": true, "RestrictNetworkInterfaces=lo eth0": false, "RestrictNetworkInterfaces=~wlan0": false,
		"SocketBindDeny=tcp:10250": true, "SocketBindDeny=udp:53": false, "ProtectHostname=yes": false,
	} {
		u := snapshot.Unit{Name: "kubelet.service"}
		for i, l := range strings.Split(strings.ReplaceAll(lines, " IPAddressAllow", "\nIPAddressAllow"), "\n") {
			key, value, _ := strings.Cut(l, "=")
			u.Settings = append(u.Settings, snapshot.Setting{Section: "Service", Key: key, Value: strings.ReplaceAll(value, ",", " "), Source: "/d", Line: i + 2})
		}
		if got := len(harms(s, u)) > 0; got != want {
			t.Errorf("%s: %v", lines, got)
		}
	}
}
