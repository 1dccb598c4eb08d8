package network

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
)

// texts are all entries of a kind, as they are written.
func texts(t *testing.T, n *Network, kind string) []string {
	t.Helper()
	c, names, err := n.routing(0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := sorts[kind]
	var out []string
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		body := make([]byte, s.head)
		body[0] = family
		err := c.Dump(s.get, body, func(m rtnl.Message) error {
			// The local table and multicast are the kernel's own, and come later.
			if text := s.text(m.Body, names); text != "" && !strings.Contains(text, "table 255") && !strings.Contains(text, "noarp") {
				out = append(out, text)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

// node has an uplink, a bridge and routes.
func node(t *testing.T) (string, *Network) {
	host, other := rtnltest.New(t), rtnltest.New(t)
	rtnltest.Veth(t, other, "eth0", host, "eth0")
	rtnltest.Addr(t, host, "eth0", "10.9.0.2/24")
	rtnltest.Addr(t, host, "eth0", "fd09::2/64")
	rtnltest.Link(t, host, "cni0", "bridge")
	rtnltest.Addr(t, host, "cni0", "10.244.0.1/24")
	rtnltest.Route(t, host, "0.0.0.0/0", "10.9.0.1", "eth0")
	rtnltest.Route(t, host, "10.244.1.0/24", "10.9.0.7", "eth0")
	return host, At(host)
}

func TestRouteOps(t *testing.T) {
	_, n := node(t)
	m := machine{Network: n}
	for kind, list := range map[string][]string{
		"route": {"blackhole 10.244.1.0/24 table 254 proto static metric 5", "unreachable 10.96.0.0/12 table 254 proto boot", "prohibit 10.9.0.7/32 table 254 proto static",
			"throw 10.1.0.0/16 table 77 proto static", "10.8.0.0/16 via 10.9.0.1 dev eth0 table 254 proto static mtu 1300", "10.244.7.0/24 dev cni0 table 254 proto static"},
		"rule": {"priority 100 from all to 10.96.0.0/12 blackhole", "priority 101 from 10.244.0.0/16 unreachable", "priority 102 not from all to 10.0.0.0/8 table 77",
			"priority 103 from all ipproto tcp dport 6443 prohibit", "priority 104 from all iif cni0 table 77"},
		"neighbour": {"10.9.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud permanent"},
	} {
		start := texts(t, n, kind)
		for _, text := range list {
			r := op.Route{Kind: kind, Text: text}
			undoAdd := apply(t, m, op.AddRoute{Route: r})
			if now := texts(t, n, kind); !slices.Contains(now, text) {
				t.Fatalf("%q is not among %q", text, now)
			}
			undoDelete := apply(t, m, op.DeleteRoute{Route: r})
			if now := texts(t, n, kind); slices.Contains(now, text) {
				t.Errorf("%q is still among %q", text, now)
			}
			undoDelete()
			if now := texts(t, n, kind); !slices.Contains(now, text) {
				t.Errorf("%q did not come back: %q", text, now)
			}
			undoAdd()
			if now := texts(t, n, kind); !slices.Equal(now, start) {
				t.Errorf("after the undo of %q\n%q, want\n%q", text, now, start)
			}
		}
	}
	start := texts(t, n, "route")
	for _, text := range start { // those that are there, and back
		undo := apply(t, m, op.DeleteRoute{Route: op.Route{Kind: "route", Text: text}})
		undo()
	}
	if now := texts(t, n, "route"); !slices.Equal(now, start) {
		t.Errorf("routes came back as\n%q, want\n%q", now, start)
	}
	for _, o := range []op.Op{
		op.AddRoute{Route: op.Route{Kind: "route", Text: start[0]}}, op.DeleteRoute{Route: op.Route{Kind: "route", Text: "10.99.0.0/16 dev eth0 table 254"}},
		op.DeleteRoute{Route: op.Route{NetNS: 42, Kind: "route", Text: "x"}},
	} {
		if _, err := o.Before(context.Background(), m); !errors.Is(err, op.ErrChanged) {
			t.Errorf("%s: %v", o, err)
		}
	}
	for _, bad := range []string{"10.0.0.0/8 frobnicate", "10.0.0.0/8 via", "10.0.0.0/8 via x dev eth0", "10.0.0.0/99", "10.0.0.0/8 dev none", "10.0.0.0/8 metric x"} {
		if err := n.WriteRoute(op.Route{Kind: "route", Text: bad}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestSetLink: an interface that was down has its routes and addresses again.
func TestSetLink(t *testing.T) {
	_, n := node(t)
	m := machine{Network: n}
	start := texts(t, n, "route")
	at := op.LinkPlace{Link: "eth0"}
	was, err := n.ReadLink(at)
	if err != nil || !was.Up || was.MTU != 1500 || len(was.Routes) != 2 || len(was.Addresses) != 1 {
		t.Fatalf("%+v, %v", was, err)
	}
	undo := apply(t, m, op.SetLink{At: at, OldUp: true, OldMTU: 1500, NewUp: false, NewMTU: 900})
	if now, _ := n.ReadLink(at); now.Up || now.MTU != 900 {
		t.Errorf("set to %+v", now)
	}
	if slices.Equal(texts(t, n, "route"), start) {
		t.Error("no route is gone")
	}
	undo()
	undo()
	if now, _ := n.ReadLink(at); !now.Up || now.MTU != 1500 || len(now.Addresses) != 1 {
		t.Errorf("back as %+v", now)
	}
	missing := start
	for range 200 { // the kernel looks first whether the address is another's
		now := texts(t, n, "route")
		missing = slices.DeleteFunc(missing, func(x string) bool { return slices.Contains(now, x) })
		if len(missing) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if len(missing) > 0 {
		t.Errorf("routes did not come back: %q\n%q", missing, texts(t, n, "route"))
	}
	if _, err := (op.SetLink{At: at, OldUp: false, OldMTU: 1500}).Before(context.Background(), m); !errors.Is(err, op.ErrChanged) {
		t.Errorf("another state: %v", err)
	}
	if _, err := n.ReadLink(op.LinkPlace{Link: "eth9"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such interface: %v", err)
	}
}
