package guard

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/guard/proc"
)

// TestUnit: a unit whose state changes is told of, with the command that named
// it.
func TestUnit(t *testing.T) {
	w := &Watch{raw: make(chan Deed, 8), ring: proc.NewRing("")}
	state := "active"
	known := map[string]string{}
	look := func() *Deed {
		w.unit(t.Context(), Target{Kind: "unit", Name: "kubelet.service", Repair: 2}, known, func(context.Context, string) (string, error) { return state, nil })
		select {
		case d := <-w.raw:
			return &d
		default:
			return nil
		}
	}
	if d := look(); d != nil {
		t.Errorf("first: %v", d)
	}
	state = "deactivating"
	if d := look(); d != nil {
		t.Errorf("on its way: %v", d)
	}
	state = "inactive"
	if d := look(); d == nil || d.Did != "is inactive, was active" || d.Hand.Known || d.Hand.Note == "" || d.Repair != 2 {
		t.Errorf("%+v", d)
	}
	systemctl := filepath.Join(t.TempDir(), "systemctl")
	data, err := os.ReadFile("/bin/sleep")
	if err == nil {
		err = os.WriteFile(systemctl, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(systemctl, "5")
	c.Args = []string{systemctl, "5", "0"}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer c.Process.Kill()
	time.Sleep(100 * time.Millisecond)
	w.ring.Exec(c.Process.Pid, "")
	if h := w.unitHand("5.service"); !h.Known || h.PID != c.Process.Pid || len(h.Lineage) == 0 {
		t.Errorf("%+v", h)
	}
	if h := w.unitHand("6.service"); h.Known {
		t.Errorf("%+v", h)
	}
}
