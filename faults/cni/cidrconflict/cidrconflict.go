// Package cidrconflict is the fault of a pod network whose addresses are not
// this node's to give.
package cidrconflict

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/fault/podnet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "cni/cidrconflict",
	Layer:  fault.CNI,
	Needs:  []snapshot.Section{snapshot.SectionCNI, snapshot.SectionCluster, snapshot.SectionNetwork},
	Uses:   []snapshot.Section{snapshot.SectionRuntime, snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.SandboxFailing, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
		{Symptom: symptom.ServiceUnreachable, Strength: symptom.Usually, Cluster: true},
		{Symptom: symptom.DNSFailing, Strength: symptom.Sometimes, Cluster: true},
	},
	Remedy: remedy,
	Drill:  drill,
}

// A clash is a subnet of the configuration in force and what it clashes with.
type clash struct {
	file   snapshot.CNIFile
	subnet string
	with   string // in words
	fact   finding.Fact
}

// find looks at the subnets that the file itself gives to pods. Plugins that
// ask the cluster for theirs name none.
func find(s *snapshot.Snapshot) (clash, bool) {
	files := podnet.Loaded(s)
	if len(files) == 0 || podnet.Look(s).Kind != podnet.Fine {
		return clash{}, false
	}
	node, _ := s.Cluster.Node(s.Node)
	for _, p := range files[0].Plugins {
		for _, subnet := range p.Subnets {
			c := clash{file: files[0], subnet: subnet}
			if others(s, &c) || services(s, &c) || links(s, &c, p.Bridge) || outside(node, &c) {
				return c, true
			}
		}
	}
	return clash{}, false
}

func overlap(a, b string) bool {
	x, err1 := netip.ParsePrefix(a)
	y, err2 := netip.ParsePrefix(b)
	return err1 == nil && err2 == nil && x.Overlaps(y)
}

// others are nodes that the cluster gave these addresses to.
func others(s *snapshot.Snapshot, c *clash) bool {
	for _, n := range s.Cluster.Nodes {
		for _, cidr := range n.PodCIDRs {
			if n.Name != s.Node && overlap(c.subnet, cidr) && !covers(c.subnet, cidr) {
				c.with = fmt.Sprintf("they are node %s's, which has %s", n.Name, cidr)
				c.fact = finding.Fact{Source: "nodes/" + n.Name, Got: "spec.podCIDR " + cidr}
				return true
			}
		}
	}
	return false
}

// covers reports whether a is a larger network with all of b: one file for all
// nodes, which a network without parts for each node has.
func covers(a, b string) bool {
	x, err1 := netip.ParsePrefix(a)
	y, err2 := netip.ParsePrefix(b)
	return err1 == nil && err2 == nil && x.Bits() < y.Bits()
}

func services(s *snapshot.Snapshot, c *clash) bool {
	if s.Cluster.Settings == nil {
		return false
	}
	for _, r := range strings.Split(s.Cluster.Settings["serviceSubnet"], ",") {
		if overlap(c.subnet, r) {
			c.with = "they are the Services', which have " + r
			c.fact = finding.Fact{Source: "kubeadm-config", Got: "serviceSubnet " + r}
			return true
		}
	}
	return false
}

// links are the node's own networks, but the one that the plugin makes.
func links(s *snapshot.Snapshot, c *clash, bridge string) bool {
	for _, n := range s.Network.Namespaces {
		for _, l := range n.Links {
			if !n.Host || l.Name == bridge || l.Name == "lo" || l.Kind == "bridge" && bridge == "" {
				continue
			}
			for _, a := range l.Addresses {
				if p, err := netip.ParsePrefix(a); err == nil && !p.IsSingleIP() && overlap(c.subnet, a) {
					c.with = fmt.Sprintf("they are those of the node's own network on %s, %s", l.Name, p.Masked())
					c.fact = finding.Fact{Source: "link " + l.Name, Got: a}
					return true
				}
			}
		}
	}
	return false
}

// outside is a subnet that shares nothing with what the cluster gave the node.
func outside(node snapshot.Node, c *clash) bool {
	want, err := netip.ParsePrefix(c.subnet)
	alike := false
	for _, cidr := range node.PodCIDRs {
		p, err := netip.ParsePrefix(cidr)
		if err == nil && p.Addr().Is4() == want.Addr().Is4() {
			alike = true
			if p.Overlaps(want) {
				return false
			}
		}
	}
	if err != nil || !alike {
		return false
	}
	cidrs := strings.Join(node.PodCIDRs, ", ")
	c.with = "the cluster gave this node " + cidrs
	c.fact = finding.Fact{Source: "nodes/" + node.Name, Got: "spec.podCIDR " + cidrs}
	return true
}

func detect(s *snapshot.Snapshot) []finding.Finding {
	c, ok := find(s)
	if !ok {
		return nil
	}
	_, line := c.file.Find(c.subnet)
	want := "a subnet of no one else"
	if n, _ := s.Cluster.Node(s.Node); len(n.PodCIDRs) > 0 {
		want = "a subnet of " + strings.Join(n.PodCIDRs, ", ")
	}
	return []finding.Finding{{
		Subject:  finding.Subject{Kind: "file", Name: c.file.Path},
		Summary:  fmt.Sprintf("%s:%d gives pods addresses of %s, which are not this node's to give: %s", c.file.Path, line, c.subnet, c.with),
		Facts:    append([]finding.Fact{{Source: c.file.Path, Line: line, Got: podnet.Line(c.file, max(line, 1)), Want: want}, c.fact}, podnet.Facts(s)...),
		Commands: podnet.Commands(s, "grep -n subnet "+c.file.Path, "kubectl get nodes -o custom-columns=N:.metadata.name,P:.spec.podCIDRs", "ip -4 addr"),
	}}
}

// remedy writes what the node's pods were attached with, or the part of the
// pod network that the cluster gave this node.
func remedy(s *snapshot.Snapshot, _ finding.Finding) (op.Plan, error) {
	c, ok := find(s)
	if !ok {
		return nil, errors.New("cannot change the pods' subnet: it is in order")
	}
	node, _ := s.Cluster.Node(s.Node)
	if own, ok := podnet.Own(s); ok && !podnet.Same(own, c.file) && slices.ContainsFunc(node.PodCIDRs, func(x string) bool { return strings.Contains(own.Content, x) }) {
		return podnet.Replace(s, c.file)
	}
	if len(node.PodCIDRs) != 1 || strings.Count(c.file.Content, `"`+c.subnet+`"`) != 1 || overlap(c.subnet, node.PodCIDRs[0]) {
		return nil, fmt.Errorf("cannot change the subnet of %s: which one belongs there a person has to decide", c.file.Path)
	}
	text := strings.Replace(c.file.Content, `"`+c.subnet+`"`, `"`+node.PodCIDRs[0]+`"`, 1)
	w, err := fault.Rewrite(c.file.Text, text, "the subnet that the cluster gave this node")
	return op.Plan{w}, err
}

// drill gives pods addresses of another node, of the Services, or of nobody
// the cluster knows; then a pod comes.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	f, err := podnet.Current(s)
	if err != nil {
		return nil, err
	}
	if s.Cluster == nil || len(f.Plugins) == 0 || len(f.Plugins[0].Subnets) != 1 || strings.Count(f.Content, `"`+f.Plugins[0].Subnets[0]+`"`) != 1 {
		return nil, errors.New("cannot change the pods' subnet: the configuration does not name one")
	}
	now := f.Plugins[0].Subnets[0]
	p, err := netip.ParsePrefix(now)
	if err != nil || !p.Addr().Is4() || p.Bits() != 24 {
		return nil, fmt.Errorf("cannot change the pods' subnet: %q is no /24", now)
	}
	b := p.Addr().As4()
	list := []string{fmt.Sprintf("%d.%d.%d.0/24", b[0], b[1]^1, d.Int(0, 255)), fmt.Sprintf("10.%d.%d.0/24", d.Int(100, 200), d.Int(0, 255))}
	if s.Cluster.Settings != nil {
		if x, err := netip.ParsePrefix(s.Cluster.Settings["serviceSubnet"]); err == nil && x.Addr().Is4() && x.Bits() <= 16 {
			a := x.Addr().As4()
			list = append(list, fmt.Sprintf("%d.%d.%d.0/24", a[0], a[1], d.Int(64, 255)))
		}
	}
	text := strings.Replace(f.Content, `"`+now+`"`, `"`+fault.Pick(d, list)+`"`, 1)
	pod, err := cri.Newcomer(s, d)
	return op.Plan{podnet.Edit(f, text, "another subnet"), pod}, err
}
