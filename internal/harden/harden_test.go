package harden

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/machine/network"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// cluster is n control-plane nodes with a stacked etcd, and a worker.
func cluster(n int) []*snapshot.Snapshot {
	var out []*snapshot.Snapshot
	var members []snapshot.EtcdMember
	c := &snapshot.Cluster{}
	for i := 1; i <= n; i++ {
		ip := fmt.Sprintf("10.0.0.%d", i)
		members = append(members, snapshot.EtcdMember{Name: fmt.Sprintf("cp%d", i), PeerURLs: []string{"https://" + ip + ":2380"}, ClientURLs: []string{"https://" + ip + ":2379"}})
		c.Nodes = append(c.Nodes, snapshot.Node{Name: fmt.Sprintf("cp%d", i), ControlPlane: true, Addresses: []string{ip, fmt.Sprintf("fd00::%d", i), fmt.Sprintf("cp%d", i)}})
	}
	c.Nodes = append(c.Nodes, snapshot.Node{Name: "w1", Addresses: []string{"10.0.0.20", "w1"}})
	for _, node := range c.Nodes {
		s := &snapshot.Snapshot{Node: node.Name, Cluster: c, Network: &snapshot.Network{Namespaces: []snapshot.NetNS{
			{Host: true, Links: []snapshot.Link{{Name: "eth0", Addresses: []string{node.Addresses[0] + "/24"}}}},
			{Namespace: "shop", Pod: "web", Path: "/proc/9/ns/net"},
		}}}
		if node.ControlPlane {
			s.Etcd = &snapshot.Etcd{Running: true, Members: members}
		}
		out = append(out, s)
	}
	return out
}

func TestEtcdAccess(t *testing.T) {
	for n, want := range map[int][]op.GuardPort{
		1: {{Port: 2379, Allow: []string{"10.0.0.1", "fd00::1"}}, {Port: 2380, Allow: []string{"10.0.0.1", "fd00::1"}}},
		3: {
			{Port: 2379, Allow: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2", "fd00::3"}},
			{Port: 2380, Allow: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2", "fd00::3"}},
		},
	} {
		plans, err := EtcdAccess(cluster(n))
		if err != nil || len(plans) != n {
			t.Fatalf("%d members: %v, %v", n, plans, err)
		}
		try := plans[0].Try[0].(op.GuardPorts).Guard
		final := plans[0].Confirm[0].(op.GuardPorts).Guard
		if !reflect.DeepEqual(try.Ports, want) || try.Expires != Grace || final.Expires != 0 || !reflect.DeepEqual(final.Ports, want) {
			t.Errorf("%d members: %+v, then %+v", n, try, final)
		}
		if got := kinds(plans[0].Confirm); got != "guard-ports reload-units write-file write-file write-file reload-units" {
			t.Errorf("confirming is %s", got)
		}
	}
}

func kinds(p op.Plan) string {
	var out []string
	for _, o := range p {
		out = append(out, o.Kind())
	}
	return strings.Join(out, " ")
}

// TestAPIServersElsewhere: an external etcd serves the control plane's nodes
// on the client port, and not on the peer port.
func TestAPIServersElsewhere(t *testing.T) {
	all := cluster(1)
	all[0].Etcd.Members[0].PeerURLs = []string{"https://10.0.0.50:2380"}
	all[0].Etcd.Members[0].ClientURLs = []string{"https://10.0.0.50:2379"}
	plans, err := EtcdAccess(all)
	if err != nil {
		t.Fatal(err)
	}
	g := plans[0].Try[0].(op.GuardPorts).Guard
	want := []op.GuardPort{{Port: 2379, Allow: []string{"10.0.0.1", "10.0.0.50", "fd00::1"}}, {Port: 2380, Allow: []string{"10.0.0.50"}}}
	if !reflect.DeepEqual(g.Ports, want) {
		t.Errorf("got %+v, want %+v", g.Ports, want)
	}
}

func TestWhatIsNotKnownIsAnError(t *testing.T) {
	for name, change := range map[string]func([]*snapshot.Snapshot){
		"no members": func(l []*snapshot.Snapshot) { l[0].Etcd.Members = nil },
		"no nodes":   func(l []*snapshot.Snapshot) { l[0].Cluster = nil; l[1].Cluster = nil },
		"a name":     func(l []*snapshot.Snapshot) { l[0].Etcd.Members[0].PeerURLs = []string{"https://etcd1:2380"} },
		"none runs":  func(l []*snapshot.Snapshot) { l[0].Etcd.Running = false },
	} {
		l := cluster(1)
		change(l)
		if p, err := EtcdAccess(l); err == nil {
			t.Errorf("%s: plans %v", name, p)
		}
	}
}

func TestASecondTimeWritesNothingAgain(t *testing.T) {
	l := cluster(1)
	plans, err := EtcdAccess(l)
	if err != nil {
		t.Fatal(err)
	}
	var files []snapshot.Text
	for _, o := range plans[0].Confirm {
		if w, ok := o.(op.WriteFile); ok {
			files = append(files, snapshot.Text{Path: w.Path, Link: w.Link, SHA256: op.File{Data: w.Data}.Sum()})
		}
	}
	l[0].Persistence = &snapshot.Persistence{Entries: []snapshot.Persistent{{Source: unitPath, Files: files}}}
	if plans, err = EtcdAccess(l); err != nil || kinds(plans[0].Confirm) != "guard-ports reload-units reload-units" {
		t.Errorf("%s, %v", kinds(plans[0].Confirm), err)
	}
	l[0].Trust = &snapshot.Trust{Tools: []snapshot.Tool{{Name: "nft"}}}
	if plans, err = EtcdAccess(l); err != nil || kinds(plans[0].Confirm) != "guard-ports" || len(plans[0].Notes) != 1 {
		t.Errorf("without nft: %+v, %v", plans, err)
	}
}

// TestTheFileIsTheGuard loads the file as a boot does and reads it back as the
// machine does.
func TestTheFileIsTheGuard(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("this machine has no nft to load the file with")
	}
	ns := rtnltest.New(t)
	a, err := access(cluster(3))
	if err != nil {
		t.Fatal(err)
	}
	g := a.guard()
	for range 2 { // a second boot finds it
		err := rtnl.In(ns, func() error {
			cmd := exec.Command("nft", "-f", "-")
			cmd.Stdin = strings.NewReader(string(rules(g)))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Logf("nft: %s", out)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, ok, err := network.At(ns).ReadGuard(g.Name); !ok || err != nil || !reflect.DeepEqual(got, g) {
		t.Errorf("reads back %+v, %v, %v; want %+v", got, ok, err, g)
	}
}

func TestProofs(t *testing.T) {
	proofs, err := Proofs(cluster(3))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, p := range proofs {
		all[p.String()] = true
	}
	for _, want := range []string{
		"cp2 (member) reaches 10.0.0.1:2380", "cp2 (member) reaches 10.0.0.1:2379", "cp1 (itself) reaches 10.0.0.1:2379",
		"w1 (stranger) does not reach 10.0.0.1:2380", "w1 (stranger) does not reach 10.0.0.1:2379",
		"pod shop/web on cp1 (stranger) does not reach 10.0.0.1:2380",
	} {
		if !all[want] {
			t.Errorf("lacks %q in %v", want, all)
		}
	}
	dial := func(_ context.Context, p Proof) (bool, error) {
		switch {
		case p.Pod != "":
			return true, errors.New("connection refused")
		case p.Who == "stranger":
			return false, errors.New("i/o timeout")
		}
		return true, nil
	}
	for _, o := range Prove(context.Background(), dial, proofs) {
		if o.Holds != (o.Pod == "") {
			t.Errorf("%s: holds %v (%s)", o, o.Holds, o.Error)
		}
	}
}
