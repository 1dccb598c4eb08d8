package op_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

func TestSysctlPath(t *testing.T) {
	for name, want := range map[string]string{
		"vm.overcommit_memory":            "/proc/sys/vm/overcommit_memory",
		"net.ipv4.conf.eth0/1.rp_filter":  "/proc/sys/net/ipv4/conf/eth0.1/rp_filter",
		"net/ipv4/conf/eth0.1/forwarding": "/proc/sys/net/ipv4/conf/eth0.1/forwarding",
	} {
		if got := (op.Sysctl{Name: name}).Path(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestKernelOpsUndo: ops on what the kernel keeps leave alone what someone
// else changed, and are content with what is gone.
func TestKernelOpsUndo(t *testing.T) {
	const forward = "/proc/sys/net/ipv4/ip_forward"
	m := simulated(t)
	set := op.Sysctl{Name: "net.ipv4.ip_forward", Old: "1", New: "0"}
	journal := apply(t, m, op.Plan{set, op.Freeze{Group: frozen, Frozen: true}, op.FileAttr{Path: "/etc/hosts", New: op.FileFlags{Immutable: true}}})
	if f, _ := m.ReadFile(frozen + "/freezer.state"); string(f.Data) != "FROZEN\n" {
		t.Errorf("the group is %q", f.Data)
	}
	if err := m.Poke(forward, []byte("2")); err != nil {
		t.Fatal(err)
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(journal), &faulttest.Journal{}); !errors.Is(err, op.ErrChanged) {
		t.Errorf("undo over another's change: %v", err)
	}
	if err := m.RemoveFile(forward); err != nil {
		t.Fatal(err)
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(journal), &faulttest.Journal{}); err != nil {
		t.Errorf("undo of what is gone: %v", err)
	}
}

// TestMountsNest: what was mounted before stays, on a place and off it.
func TestMountsNest(t *testing.T) {
	m := simulated(t)
	start := m.State()
	over := op.MountOver{Mount: op.Mount{Path: "/var", Type: "tmpfs", Source: "tmpfs"}}
	journal := apply(t, m, op.Plan{over, op.Unmount{Mount: op.Mount{Path: "/var", Type: "tmpfs", Source: "tmpfs", Root: "/"}}})
	if got, _ := m.ReadMounts("/var"); len(got) != 1 || got[0].Type != "ext4" {
		t.Errorf("mounted: %+v", got)
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(journal), &faulttest.Journal{}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.State(), start) {
		t.Error("not as before")
	}
	if (op.Unmount{Mount: op.Mount{Type: "ext4"}}).OneWay() != "" || (op.Unmount{Mount: op.Mount{Type: "tmpfs"}}).OneWay() == "" {
		t.Error("only what is in memory is lost")
	}
}
