package drill

import (
	"context"
	"fmt"
	"strings"

	"github.com/klustered/klustered/lab/node"
)

// Reference solves the drill as nobody could better: it takes back exactly
// what the drill had changed and, where the drill wants more, does that with
// the node's own tools. It must score in full, or the scoring is wrong.
func (r *Room) Reference(ctx context.Context, s *Session) error {
	d, err := Find(s.Drill)
	if err != nil {
		return err
	}
	n, err := r.node(s.Node)
	if err != nil {
		return err
	}
	if err := r.Hand.Undo(ctx, n, s.Journal); err != nil {
		return fmt.Errorf("cannot take the drill back: %w", err)
	}
	if d.Harden == "" {
		return nil
	}
	return closeEtcd(ctx, r.Nodes)
}

// closeEtcd lets only control planes reach etcd's ports, by nft.
func closeEtcd(ctx context.Context, nodes []*node.Node) error {
	var members []string
	for _, n := range nodes {
		if n.Role == node.ControlPlane {
			members = append(members, n.Address)
		}
	}
	rules := fmt.Sprintf(`table inet reference {
  chain input {
    type filter hook input priority -10;
    iif lo accept
    tcp dport { 2379, 2380 } ip saddr != { %s } drop
  }
}
`, strings.Join(members, ", "))
	for _, n := range nodes {
		if n.Role != node.ControlPlane {
			continue
		}
		if _, err := n.ExecInput(ctx, strings.NewReader(rules), "nft", "-f", "-"); err != nil {
			return fmt.Errorf("cannot close etcd's ports on %s: %w", n.Name, err)
		}
	}
	return nil
}
