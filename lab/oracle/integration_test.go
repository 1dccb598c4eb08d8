package oracle_test

import (
	"context"
	"testing"
	"time"

	"github.com/klustered/klustered/lab"
	"github.com/klustered/klustered/lab/oracle"
)

// TestIntegrationOraclesPassOnAHealthyLab asks a lab that is up, and takes one
// sign away to see that an oracle notices.
func TestIntegrationOraclesPassOnAHealthyLab(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a lab")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := lab.Open(ctx, lab.DefaultName)
	if err != nil {
		t.Skip("no lab is up")
	}
	nodes := oracle.Cluster(c.Nodes())
	checks := append(oracle.Health(), oracle.WritesAreQuick(), oracle.NoAlarm(), oracle.NotGrowing(),
		oracle.NoIOLimit(nodes[0]), oracle.NoShaping(nodes[0]), oracle.KubectlWorks(nodes[0], "/etc/kubernetes/admin.conf"))
	for _, r := range oracle.Run(ctx, nodes, checks) {
		t.Logf("%6.2fs %s: %v", r.Took.Seconds(), r.Name, r.Err)
		if r.Err != nil {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
	}
	if err := oracle.Not(oracle.PortsGuarded()).Ask(ctx, nodes); err != nil {
		t.Errorf("an open etcd port was not noticed: %v", err)
	}
}
