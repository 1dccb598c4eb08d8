package podnet

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// Own is the configuration that this node's pods were attached with, as libcni
// kept it. Of several the one within the node's pod network comes first, then
// the one of most pods, then the newest.
func Own(s *snapshot.Snapshot) (snapshot.CNIFile, bool) {
	var best snapshot.CNIFile
	rank, pods := -1, 0
	for _, a := range s.CNI.Cached {
		f := snapshot.ParseCNI(snapshot.Text{Path: "attached.conflist", Content: a.Config})
		if f.Error != "" || loopback(f) {
			continue
		}
		f.Path, f.Modified = a.Path, a.Modified
		r := within(f, podCIDRs(s)) + 1
		if r > rank || r == rank && a.Pods > pods {
			best, rank, pods = f, r, a.Pods
		}
	}
	return best, rank >= 0
}

// loopback reports whether a network is the one that some runtimes give every
// pod for its lo interface.
func loopback(f snapshot.CNIFile) bool {
	return !slices.ContainsFunc(f.Plugins, func(p snapshot.CNIPlugin) bool { return p.Type != "loopback" })
}

// Same reports whether two files make the same network.
func Same(a, b snapshot.CNIFile) bool {
	if a.Error != "" || b.Error != "" || a.Name != b.Name || len(a.Plugins) != len(b.Plugins) {
		return false
	}
	return slices.EqualFunc(a.Plugins, b.Plugins, func(x, y snapshot.CNIPlugin) bool {
		return x.Type == y.Type && x.IPAM == y.IPAM && x.Bridge == y.Bridge && slices.Equal(x.Subnets, y.Subnets)
	})
}

// podCIDRs are the parts of the pod network that the cluster gave this node.
func podCIDRs(s *snapshot.Snapshot) []string {
	if s.Cluster == nil {
		return nil
	}
	n, _ := s.Cluster.Node(s.Node)
	return n.PodCIDRs
}

// within is 1 when a network of f lies in one of cidrs, -1 when it names
// networks and none does, and 0 when that cannot be told.
func within(f snapshot.CNIFile, cidrs []string) int {
	answer := 0
	for _, subnet := range subnets(f) {
		for _, cidr := range cidrs {
			if overlap(subnet, cidr) {
				return 1
			}
			answer = -1
		}
	}
	return answer
}

func subnets(f snapshot.CNIFile) []string {
	var out []string
	for _, p := range f.Plugins {
		out = append(out, p.Subnets...)
	}
	return out
}

func overlap(a, b string) bool {
	x, err := netip.ParsePrefix(a)
	y, err2 := netip.ParsePrefix(b)
	return err == nil && err2 == nil && x.Overlaps(y)
}

// foreign says why first, which works by itself, makes another network than
// own behind it, or "". Names alone say nothing: a cluster may have changed
// its network plugin and left the old file.
func foreign(s *snapshot.Snapshot, first, own snapshot.CNIFile) string {
	got, want := subnets(first), subnets(own)
	if len(got) == 0 || len(want) == 0 {
		return ""
	}
	if within(first, want) < 0 {
		if cidrs := podCIDRs(s); len(cidrs) > 0 && within(first, cidrs) >= 0 {
			return ""
		}
		return fmt.Sprintf("it gives pods addresses of %s, this node's are of %s", strings.Join(got, ", "), strings.Join(want, ", "))
	}
	if a, b := bridge(first), bridge(own); a != "" && b != "" && a != b {
		return fmt.Sprintf("it makes the bridge %s beside %s, for the same addresses", a, b)
	}
	return ""
}

func bridge(f snapshot.CNIFile) string {
	for _, p := range f.Plugins {
		if p.Bridge != "" {
			return p.Bridge
		}
	}
	return ""
}

// Content is a configuration that works for this node, and where it comes
// from: what its pods were attached with, else a file put aside, else one made
// from the node's pod network and its bridge.
func Content(s *snapshot.Snapshot) (text, from string, err error) {
	if own, ok := Own(s); ok && !strings.Contains(own.Content, "(secret ") && check(s, own, own, true).Kind == Fine {
		return own.Content, "as pods of this node were attached, from " + own.Path, nil
	}
	if list := aside(s); len(list) > 0 {
		return list[0].Content, "as in " + list[0].Path, nil
	}
	text, err = build(s)
	return text, "made from the node's pod network and its bridge", err
}

// aside are whole configurations that the runtime does not load and that
// would work here.
func aside(s *snapshot.Snapshot) []snapshot.Text {
	var out []snapshot.Text
	for _, t := range s.CNI.Others {
		f := snapshot.ParseCNI(t)
		if t.Whole() && check(s, f, f, false).Kind == Fine && within(f, podCIDRs(s)) >= 0 {
			out = append(out, t)
		}
	}
	return out
}

// Name is where a configuration that is gone belongs: where the file that was
// put aside came from, else in a file named for its network.
func Name(s *snapshot.Snapshot, content string) string {
	want := snapshot.ParseCNI(snapshot.Text{Path: "x.conflist", Content: content})
	for _, t := range s.CNI.Others {
		name := strings.TrimLeft(path.Base(t.Path), ".")
		stem, _, ok := strings.Cut(name, ".conflist")
		if ok && stem != "" && Same(snapshot.ParseCNI(t), want) {
			return path.Join(s.CNI.ConfDir, stem+".conflist")
		}
	}
	name := want.Name
	if name == "" {
		name = "pods"
	}
	return path.Join(s.CNI.ConfDir, "10-"+name+".conflist")
}

// build makes a bridge network from what the cluster gave this node.
func build(s *snapshot.Snapshot) (string, error) {
	cidrs := podCIDRs(s)
	if len(cidrs) == 0 {
		return "", fmt.Errorf("cannot restore the pod network's configuration of %s: no pod was attached, no file was put aside, and the node's pod network is not known", s.Node)
	}
	for _, t := range []string{"bridge", "host-local"} {
		if b, ok := Provider(s.CNI, t); !ok || Damage(b) != "" {
			return "", fmt.Errorf("cannot restore the pod network's configuration of %s: no pod was attached, no file was put aside, and plugin %q is not there", s.Node, t)
		}
	}
	link, mtu, err := existing(s, cidrs)
	if err != nil {
		return "", err
	}
	var ranges [][]map[string]string
	for _, c := range cidrs {
		ranges = append(ranges, []map[string]string{{"subnet": c}})
	}
	plugins := []any{map[string]any{
		"type": "bridge", "bridge": link, "isGateway": true, "isDefaultGateway": true, "hairpinMode": true, "mtu": mtu,
		"ipam": map[string]any{"type": "host-local", "ranges": ranges},
	}}
	if b, ok := Provider(s.CNI, "portmap"); ok && Damage(b) == "" {
		plugins = append(plugins, map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}})
	}
	data, err := json.MarshalIndent(map[string]any{"cniVersion": "1.0.0", "name": "pods", "plugins": plugins}, "", "  ")
	return string(data) + "\n", err
}

// existing is the bridge that holds an address of the pod network. Without
// one the network was made in another way, which cannot be guessed.
func existing(s *snapshot.Snapshot, cidrs []string) (link string, mtu int, err error) {
	if s.Network != nil {
		for _, n := range s.Network.Namespaces {
			for _, l := range n.Links {
				for _, a := range l.Addresses {
					if n.Host && l.Kind == "bridge" && slices.ContainsFunc(cidrs, func(c string) bool { return overlap(a, c) }) {
						return l.Name, l.MTU, nil
					}
				}
			}
		}
	}
	return "", 0, fmt.Errorf("cannot restore the pod network's configuration of %s: no pod was attached, no file was put aside, and no bridge holds an address of %s", s.Node, strings.Join(cidrs, ", "))
}
