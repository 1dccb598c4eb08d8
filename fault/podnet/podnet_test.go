package podnet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func conf(name, bridge, subnet string) string {
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": %q, "plugins": [{"type": "bridge", "bridge": %q, "ipam": {"type": "host-local", "subnet": %q}}]}`, name, bridge, subnet)
}

// plain is a configuration without networks of its own, as most network
// plugins write it.
func plain(name string, types ...string) string {
	var list []string
	for _, t := range types {
		list = append(list, fmt.Sprintf(`{"type": %q}`, t))
	}
	return fmt.Sprintf(`{"cniVersion": "0.3.1", "name": %q, "plugins": [%s]}`, name, strings.Join(list, ","))
}

// node is a node with the given files, attachments and programs.
func node(files map[string]string, cached []string, programs ...string) *snapshot.Snapshot {
	c := &snapshot.CNI{ConfDir: "/etc/cni/net.d", BinDirs: []string{"/opt/cni/bin"}}
	for _, name := range []string{"00-a.conflist", "05-b.conflist", "10-c.conflist", "x.bak"} {
		content, ok := files[name]
		if !ok {
			continue
		}
		sum := sha256.Sum256([]byte(content))
		t := snapshot.Text{Path: path.Join(c.ConfDir, name), Content: content, SHA256: hex.EncodeToString(sum[:]), Mode: 0o600}
		if name == "x.bak" {
			c.Others = append(c.Others, t)
		} else {
			c.Files = append(c.Files, snapshot.ParseCNI(t))
		}
	}
	for i, config := range cached {
		c.Cached = append(c.Cached, snapshot.CNICached{Path: fmt.Sprint("/var/lib/cni/results/", i), Config: config, Pods: len(cached) - i})
	}
	for _, p := range programs {
		c.Plugins = append(c.Plugins, snapshot.Binary{Path: path.Join("/opt/cni/bin", p), Size: 1, Mode: 0o755, ELF: true, SHA256: p})
	}
	return &snapshot.Snapshot{Node: "n1", CNI: c, Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "n1", PodCIDRs: []string{"10.1.0.0/24"}}}}}
}

func TestLook(t *testing.T) {
	own := conf("pods", "cni0", "10.1.0.0/24")
	std := []string{"bridge", "host-local", "portmap", "flannel", "calico", "calico-ipam", "cilium-cni", "multus", "ptp"}
	for _, c := range []struct {
		name     string
		files    map[string]string
		cached   []string
		programs []string
		want     Kind
	}{
		{"as attached", map[string]string{"10-c.conflist": own}, []string{own}, std, Fine},
		{"no pod yet", map[string]string{"10-c.conflist": own}, nil, std, Fine},
		{"calico", map[string]string{"10-c.conflist": plain("k8s-pod-network", "calico", "portmap")}, []string{plain("k8s-pod-network", "calico", "portmap")}, std, Fine},
		{"flannel left behind by cilium", map[string]string{"05-b.conflist": plain("cilium", "cilium-cni"), "10-c.conflist": plain("cbr0", "flannel", "portmap")}, []string{plain("cbr0", "flannel", "portmap")}, std, Fine},
		{"multus before calico", map[string]string{"00-a.conflist": plain("multus-cni-network", "multus"), "10-c.conflist": plain("k8s-pod-network", "calico")}, []string{plain("k8s-pod-network", "calico"), plain("multus-cni-network", "multus")}, std, Fine},
		{"other pods of another time", map[string]string{"10-c.conflist": own}, []string{conf("old", "cni0", "10.9.0.0/24"), own}, std, Fine},
		{"second network not loaded", map[string]string{"05-b.conflist": own, "10-c.conflist": "{"}, []string{own}, std, Fine},
		{"none", nil, []string{own}, std, Missing},
		{"set aside", map[string]string{"x.bak": own}, nil, std, Missing},
		{"broken", map[string]string{"10-c.conflist": own[:40]}, []string{own}, std, Invalid},
		{"broken before a good one", map[string]string{"00-a.conflist": "{", "10-c.conflist": own}, []string{own}, std, Shadowed},
		{"broken before a good one, no pod yet", map[string]string{"00-a.conflist": "{", "10-c.conflist": own}, nil, std, Shadowed},
		{"unknown plugin before a good one", map[string]string{"00-a.conflist": plain("x", "nope"), "10-c.conflist": own}, []string{own}, std, Shadowed},
		{"another network before", map[string]string{"00-a.conflist": conf("x", "br9", "172.30.0.0/24"), "10-c.conflist": own}, []string{own}, std, Shadowed},
		{"another network before, and newer pods in it", map[string]string{"00-a.conflist": conf("x", "br9", "172.30.0.0/24"), "10-c.conflist": own}, []string{conf("x", "br9", "172.30.0.0/24"), own}, std, Shadowed},
		{"another bridge for the same addresses", map[string]string{"00-a.conflist": conf("x", "br9", "10.1.0.0/24"), "10-c.conflist": own}, []string{own, own}, std, Shadowed},
		{"both broken", map[string]string{"00-a.conflist": "{", "10-c.conflist": "["}, []string{own}, std, Invalid},
		{"unknown plugin", map[string]string{"10-c.conflist": plain("pods", "nope")}, []string{own}, std, Unknown},
		{"unknown plugin, no pod yet", map[string]string{"10-c.conflist": plain("pods", "nope")}, nil, std, Unknown},
		{"well-known plugin that never was here", map[string]string{"10-c.conflist": plain("pods", "macvlan")}, []string{own}, std, Unknown},
		{"program gone", map[string]string{"10-c.conflist": own}, []string{own}, []string{"host-local"}, Unprovided},
		{"address program gone", map[string]string{"10-c.conflist": own}, []string{own}, []string{"bridge"}, Unprovided},
		{"loopback", map[string]string{"10-c.conflist": own}, []string{plain("cni-loopback", "loopback"), own}, append(std, "loopback"), Fine},
		{"loopback gone", map[string]string{"10-c.conflist": own}, []string{plain("cni-loopback", "loopback"), own}, std, Unprovided},
		{"program gone, no pod yet", map[string]string{"10-c.conflist": own}, nil, []string{"host-local"}, Unprovided},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := node(c.files, c.cached, c.programs...)
			if got := Look(s); got.Kind != c.want {
				t.Errorf("got %q (%s), want %q", got.Kind, got.Why, c.want)
			}
			s.Cluster = nil
			if got := Look(s); c.want == Fine && got.Kind != Fine {
				t.Errorf("without the cluster: got %q (%s)", got.Kind, got.Why)
			}
		})
	}
}

func TestLoaded(t *testing.T) {
	own := conf("pods", "cni0", "10.1.0.0/24")
	s := node(map[string]string{"00-a.conflist": own, "10-c.conflist": "{"}, []string{own}, "bridge", "host-local")
	s.Runtime = &snapshot.Runtime{CNIConfDir: "/etc/cni/net.d", CNIMaxConf: 0}
	if got := Look(s); got.Kind != Invalid || path.Base(got.File.Path) != "10-c.conflist" {
		t.Errorf("all files are loaded, and the second is broken: got %+v", got)
	}
	s = node(map[string]string{"00-a.conflist": "{", "10-c.conflist": own}, []string{own}, "bridge", "host-local")
	s.Runtime = &snapshot.Runtime{Name: "cri-o", CNIConfDir: "/etc/cni/net.d", CNIMaxConf: 1}
	if got := Look(s); got.Kind != Fine {
		t.Errorf("CRI-O passes over a broken file: got %+v", got)
	}
}

func TestDamage(t *testing.T) {
	good := snapshot.Binary{Path: "/opt/cni/bin/bridge", Size: 9, ELF: true, Mode: 0o755}
	for want, change := range map[string]func(*snapshot.Binary){
		"":                                     func(*snapshot.Binary) {},
		"it is empty":                          func(b *snapshot.Binary) { b.Size = 0 },
		"it is neither a program nor a script": func(b *snapshot.Binary) { b.ELF = false },
		`it is the plugin "ptp"`:               func(b *snapshot.Binary) { b.GoMain = pluginMain + "main/ptp" },
		"its mode is 0644: nobody may run it":  func(b *snapshot.Binary) { b.Mode = 0o644 },
	} {
		b := good
		change(&b)
		if got := Damage(b); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestContent(t *testing.T) {
	own := conf("pods", "cni0", "10.1.0.0/24")
	s := node(map[string]string{"x.bak": conf("far", "cni0", "10.7.0.0/24")}, nil, "bridge", "host-local", "portmap")
	if _, _, err := Content(s); err == nil || !strings.Contains(err.Error(), "no bridge holds an address") {
		t.Errorf("a file of another network is no source: got %v", err)
	}
	s.Network = &snapshot.Network{Namespaces: []snapshot.NetNS{{Host: true, Links: []snapshot.Link{{Name: "br7", Kind: "bridge", MTU: 1450, Addresses: []string{"10.1.0.1/24"}}}}}}
	text, from, err := Content(s)
	f := snapshot.ParseCNI(snapshot.Text{Path: "x.conflist", Content: text})
	if err != nil || f.Error != "" || f.Plugins[0].Bridge != "br7" || f.Plugins[0].Subnets[0] != "10.1.0.0/24" || !strings.Contains(text, "1450") || len(f.Plugins) != 2 {
		t.Errorf("made: got %s from %s, %v", text, from, err)
	}
	s = node(map[string]string{"x.bak": own}, nil, "bridge", "host-local")
	if text, from, err := Content(s); text != own || !strings.Contains(from, "x.bak") || err != nil {
		t.Errorf("aside: got %s from %s, %v", text, from, err)
	}
	if got := Name(s, own); got != "/etc/cni/net.d/10-pods.conflist" {
		t.Errorf("got %s", got)
	}
	s.Cluster = nil
	s.CNI.Others = nil
	if _, _, err := Content(s); err == nil || !strings.Contains(err.Error(), "pod network is not known") {
		t.Errorf("nothing known: got %v", err)
	}
}

func TestProvide(t *testing.T) {
	own := conf("pods", "cni0", "10.1.0.0/24")
	s := node(map[string]string{"10-c.conflist": own}, []string{own}, "host-local", "bridge.orig")
	s.CNI.Spares = []snapshot.Binary{{Path: "/usr/lib/cni/bridge", Target: "/usr/lib/x/bridge", ELF: true, Size: 5, SHA256: "spare"}}
	plan, err := Provide(s, "bridge")
	if err != nil || len(plan) != 1 || plan[0] != (op.CopyFile{From: "/usr/lib/x/bridge", FromPin: "spare", To: "/opt/cni/bin/bridge", Mode: 0o755}) {
		t.Errorf("got %+v, %v", plan, err)
	}
	s.CNI.Spares[0].GoMain = pluginMain + "main/ptp"
	if plan, err = Provide(s, "bridge"); err != nil || plan[0].(op.CopyFile).From != "/opt/cni/bin/bridge.orig" {
		t.Errorf("got %+v, %v", plan, err)
	}
	s.CNI.Spares, s.CNI.Plugins = nil, nil
	if _, err = Provide(s, "bridge"); err == nil || !strings.Contains(err.Error(), "no copy of it") {
		t.Errorf("got %v", err)
	}
}
