package cri

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func TestParseIPAM(t *testing.T) {
	for _, c := range []struct{ conf, want string }{
		{`{"name":"a","plugins":[{"type":"bridge","ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"fd00::/64","rangeStart":"fd00::10","rangeEnd":"fd00::1f"}]]}}]}`,
			"0 10.1.2.0/24 10.1.2.1-10.1.2.254 gw 10.1.2.1 253; 1 fd00::/64 fd00::10-fd00::1f gw fd00::1 16"},
		{`{"name":"a","type":"ptp","ipam":{"type":"host-local","dataDir":"/x","subnet":"10.0.0.4/30","rangeStart":"10.0.0.6","gateway":"10.0.0.5"}}`, "0 10.0.0.4/30 10.0.0.6-10.0.0.6 gw 10.0.0.5 1"},
		{`{"name":"a","plugins":[{"ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24","rangeStart":"10.0.0.9","rangeEnd":"10.0.0.2"}]]}}]}`, "0 10.0.0.0/24 10.0.0.9-10.0.0.2 gw 10.0.0.1 0"},
		{`{"name":"a","plugins":[{"ipam":{"type":"host-local","subnet":"fd00::/40"}}]}`, "0 fd00::/40 fd00::1-fd00:0:ff:ffff:ffff:ffff:ffff:ffff gw fd00::1 18446744073709551615"},
		{`{"name":"a","plugins":[{"ipam":{"type":"dhcp"}}]}`, "none"},
		{`{"name":"../a","ipam":{"type":"host-local"}}`, "none"},
		{`{`, "none"},
	} {
		n, ok := ParseIPAM([]byte(c.conf))
		var got []string
		for _, r := range n.Ranges {
			got = append(got, fmt.Sprintf("%d %s %s-%s gw %s %d", r.Set, r.Subnet, r.From, r.To, r.Gateway, r.Total))
		}
		if !ok {
			got = []string{"none"}
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: got %s, want %s", c.conf, s, c.want)
		}
	}
}

func TestIPAM(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"pods/10.1.2.9": "sb1\neth0", "pods/10.1.2.10": "gone\r\neth0", "pods/10.9.9.9": "sb1", "pods/last_reserved_ip.0": "10.1.2.10", "pods/lock": "", "pods/x~": "", "old/10.8.0.2": "gone",
	} {
		write(t, dir, ipamDir+"/"+name, data, 0o600)
	}
	c := &snapshot.CNI{Files: []snapshot.CNIFile{{Text: snapshot.Text{Path: "/etc/cni/net.d/1.conflist",
		Content: `{"name":"pods","plugins":[{"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.2.0/28"}]]}}]}`}}}}
	readIPAM(source.New(dir, false), c, map[string]bool{"sb1": true})
	if len(c.IPAM) != 2 {
		t.Fatalf("got %+v", c.IPAM)
	}
	n := c.IPAM[0]
	var got []string
	for _, a := range n.Addresses {
		got = append(got, fmt.Sprintf("%s %s %s %s %v", a.IP, a.Container, a.Interface, a.Known, a.Outside))
	}
	if want := []string{"10.1.2.9 sb1 eth0 yes false", "10.1.2.10 gone eth0 no false", "10.9.9.9 sb1  yes true"}; !reflect.DeepEqual(got, want) {
		t.Errorf("addresses: got %q", got)
	}
	if n.Used != 3 || n.Leaked != 1 || n.Ranges[0].Total != 13 || n.Ranges[0].Free != 11 || n.Last["0"] != "10.1.2.10" || !n.Lock || !reflect.DeepEqual(n.Others, []string{"x~"}) {
		t.Errorf("got %+v", n)
	}
	if o := c.IPAM[1]; o.Name != "old" || o.Config != "" || o.Leaked != 1 {
		t.Errorf("old: got %+v", o)
	}
}

func TestSandboxes(t *testing.T) {
	stored := &snapshot.Containerd{Namespaces: []snapshot.ContainerdNamespace{{Containers: []snapshot.StoredContainer{{ID: "b"}}}}}
	up := &snapshot.Runtime{Reachable: true, Sandboxes: []snapshot.Sandbox{{ID: "a"}}}
	for want, s := range map[string]*snapshot.Snapshot{
		"map[a:true]": {Runtime: up, Containerd: stored}, "map[b:true]": {Runtime: &snapshot.Runtime{}, Containerd: stored}, "map[]": {Runtime: &snapshot.Runtime{}},
	} {
		if got := fmt.Sprint(sandboxes(s)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzIPAM(f *testing.F) {
	f.Add([]byte(`{"name":"a","plugins":[{"ipam":{"type":"host-local","ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"fd00::/64","rangeStart":"fd00::10"}]]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, _ := ParseIPAM(data)
		for _, r := range n.Ranges {
			left(&r, nil)
			if r.Free > r.Total {
				t.Errorf("got %+v", r)
			}
		}
	})
}
