package rtnl_test

import (
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
)

// rootParent is TC_H_ROOT.
const rootParent = 0xffffffff

func TestQdiscsAreWrittenAndReadByTheKernel(t *testing.T) {
	ns := rtnltest.New(t)
	rtnltest.Veth(t, ns, "veth0", ns, "veth1")
	index := rtnltest.Index(t, ns, "veth0")
	c, err := rtnl.DialIn(ns, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tc := range []struct {
		kind string
		f    rtnl.Figures
		tc   string // what tc(8) prints of it
	}{
		{"tbf", rtnl.Figures{RateBps: 96000, BurstBytes: 1600, LimitBytes: 3000}, "rate 96Kbit burst 1"},
		{"tbf", rtnl.Figures{RateBps: 20e6, BurstBytes: 40000, LimitBytes: 90000}, "rate 20Mbit burst 4"},
		{"netem", rtnl.Figures{DelayUs: 30000, JitterUs: 2000, LossPct: 5, LimitBytes: 1000}, "delay 30ms  2ms loss 5%"},
		{"fq_codel", rtnl.Figures{}, "fq_codel"},
	} {
		raw, err := rtnl.WriteFigures(tc.kind, tc.f)
		if err != nil {
			t.Fatal(err)
		}
		err = c.SetQdisc(rtnl.Qdisc{Index: index, Kind: tc.kind, Parent: rootParent, Raw: raw})
		if errors.Is(err, unix.ENOENT) {
			t.Logf("this kernel has no %s", tc.kind)
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", tc.kind, err)
		}
		got := rootOf(t, c, index)
		if g := rtnl.ReadFigures(tc.kind, got.Raw); tc.kind == "tbf" && !near(g, tc.f) {
			t.Errorf("%s reads back as %+v, want %+v", tc.kind, g, tc.f)
		}
		shows(t, ns, tc.tc)
		again(t, c, got)
	}
}

// again removes a qdisc, makes it from its raw options and wants it the same.
func again(t *testing.T, c *rtnl.Conn, q rtnl.Qdisc) {
	t.Helper()
	if err := c.DeleteQdisc(q.Index, 0, q.Parent); err != nil {
		t.Fatal(err)
	}
	if err := c.SetQdisc(q); err != nil {
		t.Fatal(err)
	}
	got := rootOf(t, c, q.Index)
	if got.Handle != q.Handle || !reflect.DeepEqual(got.Raw, q.Raw) {
		t.Errorf("made again: %+v, want %+v", got, q)
	}
	if err := c.DeleteQdisc(q.Index, 0, q.Parent); err != nil {
		t.Fatal(err)
	}
}

func near(a, b rtnl.Figures) bool {
	d := int64(a.BurstBytes) - int64(b.BurstBytes)
	a.BurstBytes = b.BurstBytes
	return a == b && d >= -64 && d <= 64
}

func rootOf(t *testing.T, c *rtnl.Conn, index int) rtnl.Qdisc {
	t.Helper()
	all, err := c.Qdiscs()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		if q.Index == index && q.Parent == rootParent {
			return q
		}
	}
	t.Fatal("no root qdisc")
	return rtnl.Qdisc{}
}

// shows compares with tc(8), where the machine has it.
func shows(t *testing.T, ns, want string) {
	t.Helper()
	if _, err := exec.LookPath("tc"); err != nil {
		return
	}
	var out []byte
	err := rtnl.In(ns, func() (err error) {
		out, err = exec.Command("tc", "qdisc", "show", "dev", "veth0").CombinedOutput()
		return err
	})
	if err != nil || !strings.Contains(string(out), want) {
		t.Errorf("tc shows %q (%v), want %q in it", out, err, want)
	}
}

func TestNetemFiguresSurviveTheirWireForm(t *testing.T) {
	want := rtnl.Figures{DelayUs: 120000, JitterUs: 15000, LossPct: 2.5, CorruptPct: 1, RateBps: 64000, LimitBytes: 200}
	raw, err := rtnl.WriteFigures("netem", want)
	if err != nil {
		t.Fatal(err)
	}
	if got := rtnl.ReadFigures("netem", raw); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	short := rtnl.ReadFigures("netem", raw[:24]) // an old kernel: ticks, no attributes
	if short.DelayUs != 120000 || short.LossPct != 2.5 {
		t.Errorf("from the fixed part alone: %+v", short)
	}
}

func TestWriteFiguresRefusesWhatItCannotMake(t *testing.T) {
	for _, kind := range []string{"htb", "cake", "nosuch", "tbf"} {
		if raw, err := rtnl.WriteFigures(kind, rtnl.Figures{}); err == nil {
			t.Errorf("%s: made %x of nothing", kind, raw)
		}
	}
}

func TestHandles(t *testing.T) {
	for h, want := range map[uint32]string{0x80010000: "8001:", 0x00010002: "1:2", rootParent: "root", 0xfffffff1: "ingress"} {
		if got := rtnl.ParentText(h); got != want {
			t.Errorf("%x is %q, want %q", h, got, want)
		}
		if got, err := rtnl.ParseHandle(want); got != h || err != nil {
			t.Errorf("%q is %x (%v), want %x", want, got, err, h)
		}
	}
	for _, bad := range []string{"1", "x:", "1:zz", "12345:"} {
		if h, err := rtnl.ParseHandle(bad); err == nil {
			t.Errorf("%q reads as %x", bad, h)
		}
	}
}

func FuzzWire(f *testing.F) {
	raw, _ := rtnl.WriteFigures("tbf", rtnl.Figures{RateBps: 64000, BurstBytes: 1500})
	f.Add(append(rtnl.Tcm(2, 0x80010000, rootParent), raw...))
	f.Add(rtnl.Append(nil, 1, []byte("veth\x00")))
	f.Fuzz(func(t *testing.T, data []byte) {
		rtnl.Messages(data)
		rtnl.ParseAttrs(data, 4).Nested(2)
		rtnl.ParseQdisc(data)
		for _, kind := range []string{"tbf", "netem", "htb", "fq", "cake", "pfifo"} {
			rtnl.ReadFigures(kind, data)
		}
	})
}

func TestAPanicInANamespaceIsTheCallers(t *testing.T) {
	defer func() {
		if x := recover(); x != "odd input" {
			t.Errorf("got %v", x)
		}
		if err := rtnl.In("/proc/self/ns/net", func() error { return errors.New("told") }); err == nil || err.Error() != "told" {
			t.Errorf("after a panic: %v", err)
		}
	}()
	_ = rtnl.In("/proc/self/ns/net", func() error { panic("odd input") })
}
