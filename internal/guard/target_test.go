package guard

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
)

// TestPutBack: what makes a file again as it was before the repair is said to
// undo it; another change is not.
func TestPutBack(t *testing.T) {
	dir := t.TempDir()
	f := filepath.Join(dir, "f")
	put(t, f, "good\n")
	before, err := json.Marshal(map[string]any{"file": op.File{Data: []byte("bad\n"), Mode: 0o644}})
	if err != nil {
		t.Fatal(err)
	}
	targets := Repaired([]repair.Remain{{Number: 4, Op: op.WriteFile{Path: f, Data: []byte("good\n")}, Before: before}})
	if len(targets) != 1 || targets[0].Repair != 4 || targets[0].Before == "" {
		t.Fatalf("%+v", targets)
	}
	for text, want := range map[string]bool{"bad": true, "other": false} {
		if err := os.WriteFile(f, []byte("good\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, end := watch(t, Options{Targets: targets})
		sh(t, dir, "echo "+text+" > f")
		if all := end(told(1)); len(all) == 0 || all[len(all)-1].PutBack != want || all[0].Repair != 4 {
			t.Errorf("%s: %+v", text, all)
		}
	}
}

// TestTargets: a repair that only started a unit takes nothing from one that
// changed its file, and what cannot be watched is said.
func TestTargets(t *testing.T) {
	const mask = "/etc/systemd/system/kubelet.service"
	before, err := json.Marshal(map[string]any{"file": op.File{Link: "/dev/null"}})
	if err != nil {
		t.Fatal(err)
	}
	list := []repair.Remain{
		{Number: 3, Op: op.RemoveFile{Path: mask}, Before: before},
		{Number: 5, Op: op.Unit{Verb: "restart", Name: "kubelet.service"}},
		{Number: 6, Op: op.Sysctl{Name: "net.ipv4.ip_forward", Old: "0", New: "1"}},
		{Number: 7, Op: op.ReloadUnits{}},
		{Number: 8, Op: op.DeleteQdisc{Qdisc: op.Qdisc{QdiscPlace: op.QdiscPlace{NetNS: 9, Pod: "a/b", Link: "eth0"}}}},
		{Number: 9, Op: op.EtcdDisarm{}},
	}
	got := map[string]Target{}
	for _, x := range Repaired(list) {
		got[x.Kind+" "+x.Name] = x
	}
	if x := got["file "+mask]; x.Repair != 3 || x.Before == "" {
		t.Errorf("%+v", x)
	}
	if x := got["unit kubelet.service"]; x.Repair != 5 || x.Undo != "inactive" {
		t.Errorf("%+v", x)
	}
	if x := got["sysctl net.ipv4.ip_forward"]; x.Key != "/proc/sys/net/ipv4/ip_forward" || x.Undo != "0" {
		t.Errorf("%+v", x)
	}
	if x, ok := got["qdisc eth0"]; ok {
		t.Errorf("a pod's qdisc is watched as the host's: %+v", x)
	}
	notes := Unwatched(list)
	if len(notes) != 2 || !strings.HasPrefix(notes[0], "what repair 8 did is not watched: ") || !strings.HasPrefix(notes[1], "what repair 9 ") {
		t.Errorf("%q", notes)
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string]Target{
		"/etc/hosts":                    {Kind: "file", Name: "/etc/hosts"},
		"/proc/sys/net/ipv4/ip_forward": {Kind: "sysctl", Name: "net/ipv4/ip_forward", Key: "/proc/sys/net/ipv4/ip_forward"},
		"/sys/fs/cgroup/x/memory.max":   {Kind: "group", Name: "/sys/fs/cgroup/x/memory.max", Key: "/sys/fs/cgroup/x/memory.max"},
		"/proc/1/oom_score_adj":         {},
	} {
		got, err := Paths([]string{path})
		if (err != nil) != (want.Kind == "") || err == nil && got[0] != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
}
