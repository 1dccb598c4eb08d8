package sysctl

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A file of somebody's own switches forwarding off at boot.
func Test(t *testing.T) {
	const live, hardening = "/proc/sys/net/ipv4/ip_forward", "/etc/sysctl.d/99-router.conf"
	faulttest.Run(t, Fault, faulttest.File(live, op.File{Data: []byte("1\n"), Mode: 0o644}), faulttest.Broken(func(m *faulttest.Machine) {
		if err := m.Poke(live, []byte("0\n")); err != nil {
			t.Fatal(err)
		}
		if err := m.WriteFile(hardening, op.File{Data: []byte("net.ipv4.ip_forward = 0\n"), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}))
}

func node(values map[string]string) *snapshot.Snapshot {
	s := &snapshot.Snapshot{Sysctls: &snapshot.Sysctls{}, Kubelet: &snapshot.Kubelet{Healthz: "ok", Proxy: &snapshot.Proxy{Mode: "iptables"}},
		Network: &snapshot.Network{Namespaces: []snapshot.NetNS{
			{Host: true, Links: []snapshot.Link{{Name: "cni0", Kind: "bridge"}, {Name: "veth1", Kind: "veth", Master: "cni0"}}}, {Pod: "a"}, {Pod: "b"}}},
		Descriptors: &snapshot.Descriptors{Watches: []snapshot.Watches{{UID: 0, Inotify: 120}, {UID: 1000, Inotify: 900}}}}
	for k, v := range values {
		s.Sysctls.Keys = append(s.Sysctls.Keys, snapshot.Sysctl{Key: k, Path: "/proc/sys/" + k, Value: v, There: true})
	}
	return s
}

// give lets each pod's interface have the addresses.
func give(addresses ...string) func(*snapshot.Snapshot) {
	return func(s *snapshot.Snapshot) {
		for i := range s.Network.Namespaces[1:] {
			s.Network.Namespaces[i+1].Links = []snapshot.Link{{Name: "eth0", Addresses: addresses}}
		}
	}
}

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		key, value string
		change     func(*snapshot.Snapshot)
		want       int
	}{
		"forwards":                    {"net.ipv4.ip_forward", "1", nil, 0},
		"does not":                    {"net.ipv4.ip_forward", "0", nil, 1},
		"needs not":                   {"net.ipv4.ip_forward", "0", func(s *snapshot.Snapshot) { s.Network.Namespaces = s.Network.Namespaces[:1] }, 0},
		"pods of IPv6 alone":          {"net.ipv4.ip_forward", "0", give("fd00::2/64", "fe80::1/64"), 0},
		"pods of both":                {"net.ipv4.ip_forward", "0", give("10.1.0.2/24", "fd00::2/64"), 1},
		"a bridge of IPv6 alone":      {"net.bridge.bridge-nf-call-iptables", "0", give("fd00::2/64"), 0},
		"a bridge":                    {"net.bridge.bridge-nf-call-iptables", "0", nil, 1},
		"routed, and no bridge":       {"net.bridge.bridge-nf-call-iptables", "0", func(s *snapshot.Snapshot) { s.Network.Namespaces[0].Links[1].Master = "" }, 0},
		"a proxy of another kind":     {"net.bridge.bridge-nf-call-iptables", "0", func(s *snapshot.Snapshot) { s.Kubelet.Proxy.Mode = "nftables" }, 0},
		"no kube-proxy":               {"net.bridge.bridge-nf-call-iptables", "0", func(s *snapshot.Snapshot) { s.Kubelet.Proxy = nil }, 0},
		"namespaces to spare":         {"user.max_net_namespaces", "15000", nil, 0},
		"none left":                   {"user.max_net_namespaces", "2", nil, 1},
		"user namespaces are off":     {"user.max_user_namespaces", "0", nil, 0},
		"inotify is used up":          {"fs.inotify.max_user_instances", "120", nil, 1},
		"inotify to spare":            {"fs.inotify.max_user_instances", "128", nil, 0},
		"strict, the kubelet sets it": {"vm.overcommit_memory", "0", nil, 0},
		"strict, the kubelet refuses": {"vm.overcommit_memory", "0", func(s *snapshot.Snapshot) {
			s.Kubelet.Healthz = ""
			s.Kubelet.Effective = map[string]snapshot.Effective{"protectKernelDefaults": {Origin: snapshot.Origin{Value: "true"}}}
		}, 1},
		"swappiness is a taste": {"vm.swappiness", "0", nil, 0},
	} {
		s := node(map[string]string{tc.key: tc.value})
		if tc.change != nil {
			tc.change(s)
		}
		if got := detect(s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestSets(t *testing.T) {
	for line, want := range map[string]bool{
		"sysctl -w net.ipv4.ip_forward=0": true, "echo 0 > /proc/sys/net/ipv4/ip_forward": true, "sysctl -w vm.swappiness=1": false, "echo net.ipv4.ip_forward": false,
		"/bin/sh -c 'sysctl -qw net/ipv4/ip_forward=0'": true, "while :; do echo 0 | tee /proc/sys/net/ipv4/ip_forward; done": true, `sysctl -w "net.ipv4.ip_forward=$v"`: true,
		"cp /etc/off /tmp; cat /etc/off > /proc/sys/net/ipv4/ip_forward": true,
		// Who sees to it, or looks.
		"sysctl -w net.ipv4.ip_forward=1": false, "/bin/sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'": false, "sysctl -n net.ipv4.ip_forward": false,
		"test $(cat /proc/sys/net/ipv4/ip_forward) = 1 || reboot": false, "printf '1\\n' >/proc/sys/net/ipv4/ip_forward": false,
		"sysctl -w net.ipv4.ip_forward_use_pmtu=0": false, "echo 0 > /proc/sys/net/ipv4/ip_forward_use_pmtu": false,
	} {
		if got := sets(need{key: "net.ipv4.ip_forward", want: "1"})(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}
