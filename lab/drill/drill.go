// Package drill breaks a lab on purpose, for a person or for klustered itself
// to repair, and scores what came of it by independent oracles.
package drill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
)

// A Drill is an incident to practise: one of several faults, its details
// drawn from a seed.
type Drill struct {
	Name      string
	Title     string
	Situation string        // what the person on call is told
	Faults    []string      // one of them is drawn
	Roles     []string      // where it may strike
	Par       time.Duration // within which time costs nothing
	// Taken are the signs that the break shows. Start waits for them.
	Taken func(s *Session, n *node.Node) []oracle.Check
	// Solved are the questions, beyond those of every healthy lab, that a
	// repaired one answers.
	Solved func(s *Session, n *node.Node) []oracle.Check
	// Restart says that the repair has to hold through a restart of the node.
	Restart bool
	// Harden names the hardening that belongs to the repair, or is "".
	Harden string
}

// Drills is every drill, in the order in which to learn them.
var Drills = []Drill{
	{
		Name: "node-not-ready", Title: "Node not ready",
		Situation: "A node has turned NotReady. New pods on it hang. The pods that ran before still answer.",
		Faults:    []string{"cni/configmissing", "cni/configinvalid", "cni/pluginunknown", "cni/configshadowed", "cni/binarymissing"},
		Roles:     []string{node.ControlPlane, node.Worker},
		Par:       10 * time.Minute,
		Taken: func(*Session, *node.Node) []oracle.Check {
			return []oracle.Check{oracle.Not(oracle.NodesReady())}
		},
	},
	{
		Name: "slow-control-plane", Title: "Slow control plane, and the hand that keeps it slow",
		Situation: "kubectl takes seconds to answer. Someone has already fixed it twice today; it came back each time.",
		Faults:    []string{"etcd/iothrottled"},
		Roles:     []string{node.ControlPlane},
		Par:       15 * time.Minute,
		Restart:   true,
		Taken: func(*Session, *node.Node) []oracle.Check {
			return []oracle.Check{oracle.Not(oracle.WritesAreQuick())}
		},
		Solved: func(_ *Session, n *node.Node) []oracle.Check {
			return []oracle.Check{oracle.WritesAreQuick(), oracle.NoIOLimit(n)}
		},
	},
	{
		Name: "packets-die", Title: "Where packets die",
		Situation: "Users see requests that hang or fail, now and then. Every pod is Running and every node is Ready.",
		Faults:    []string{"network/shaped"},
		Roles:     []string{node.ControlPlane, node.Worker},
		Par:       15 * time.Minute,
		Taken: func(_ *Session, n *node.Node) []oracle.Check {
			return []oracle.Check{oracle.Not(oracle.NoShaping(n))}
		},
		Solved: func(_ *Session, n *node.Node) []oracle.Check {
			return []oracle.Check{oracle.NoShaping(n)}
		},
	},
	{
		Name: "kubeconfig-exec", Title: "The kubeconfig that runs programs",
		Situation: "Security asks what runs on the control plane whenever an administrator types kubectl, and wants it gone.",
		Faults:    []string{"access/execcredential"},
		Roles:     []string{node.ControlPlane},
		Par:       15 * time.Minute,
		Solved:    helperGone,
	},
	{
		Name: "etcd-full", Title: "etcd is full, then locked down",
		Situation: "Deployments fail with a message about space, though the disk is half empty. Once it works again, close etcd to strangers.",
		Faults:    []string{"etcd/nospace"},
		Roles:     []string{node.ControlPlane},
		Par:       20 * time.Minute,
		Harden:    "etcd-access",
		Taken: func(*Session, *node.Node) []oracle.Check {
			return []oracle.Check{oracle.Alarmed()}
		},
		Solved: func(*Session, *node.Node) []oracle.Check {
			return []oracle.Check{oracle.NoAlarm(), oracle.NotGrowing(), oracle.PortsGuarded()}
		},
	},
}

// Find returns the drill of that name. The ID of a fault names a drill of that
// fault alone; whether it has one is for Start to say. The error lists the names.
func Find(name string) (*Drill, error) {
	if strings.Contains(name, "/") {
		return alone(name), nil
	}
	for i := range Drills {
		if Drills[i].Name == name {
			return &Drills[i], nil
		}
	}
	return nil, fmt.Errorf("cannot find drill %q: there are %s, and the IDs of faults", name, strings.Join(Names(), ", "))
}

// Signs are what shows that the break of a fault has taken on a node, where a
// drill of it knows any.
func Signs(id string, n *node.Node) []oracle.Check {
	d := alone(id)
	if d.Taken == nil {
		return nil
	}
	return d.Taken(&Session{Drill: d.Name, Fault: id, Node: n.Name}, n)
}

// Names are the names of the drills, in their order.
func Names() []string {
	var out []string
	for _, d := range Drills {
		out = append(out, d.Name)
	}
	return out
}

// alone is a drill of one fault: that which may draw it, or one of its own.
func alone(id string) *Drill {
	for _, d := range Drills {
		if slices.Contains(d.Faults, id) {
			d.Name, d.Faults = id, []string{id}
			return &d
		}
	}
	return &Drill{
		Name: id, Title: "A drill of " + id,
		Situation: "Something is wrong with a node. Nobody has looked yet.",
		Faults:    []string{id}, Roles: []string{node.ControlPlane}, Par: 15 * time.Minute,
	}
}

// places are the nodes where the drill may strike.
func (d *Drill) places(nodes []*node.Node) []*node.Node {
	var out []*node.Node
	for _, n := range nodes {
		if slices.Contains(d.Roles, n.Role) {
			out = append(out, n)
		}
	}
	return out
}
