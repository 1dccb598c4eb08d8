package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/machine"
	"github.com/klustered/klustered/internal/machine/etcd"
	"github.com/klustered/klustered/internal/machine/kube"
	"github.com/klustered/klustered/op"
)

// killNode, in the environment, says that this program runs on a control plane
// that may be broken: a node of a lab. TestIntegrationKill has it run there.
const killNode = "KLUSTERED_KILL_NODE"

// TestKillNode kills the ops that need a node, everywhere.
func TestKillNode(t *testing.T) {
	if os.Getenv(killNode) == "" {
		t.Skip("it is run on a node of a lab")
	}
	for _, x := range []struct {
		name  string
		build func(*stage) (op.Plan, lookAt, error)
	}{
		{"units", unitOps}, {"objects", objectOps}, {"groups", groupOps}, {"static pods", staticOps}, {"etcd", etcdOps},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := &stage{t: t, base: t.TempDir()}
			plan, look, err := x.build(s)
			if err == nil {
				err = s.kills(always(plan), look)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// node looks at what only a node has.
func (l lookAt) node(m op.Machine, say func(what string, v any, err error)) {
	ctx := context.Background()
	for _, name := range l.Units {
		active, err := m.UnitActive(ctx, name)
		say("unit "+name, active, err)
	}
	for _, path := range l.Objects {
		status, answer, err := m.Request(ctx, http.MethodGet, path, "", nil)
		var x struct {
			Metadata struct{ Labels map[string]string }
			Data     map[string]string
		}
		if status == http.StatusOK {
			err = errors.Join(err, json.Unmarshal(answer, &x))
		}
		say("object "+path, []any{status, x}, err)
	}
	for _, path := range l.Kernel {
		f, err := m.ReadFile(path)
		say("kernel "+path, string(f.Data), err)
	}
	if l.Alarms {
		all, err := m.Alarms(ctx)
		say("alarms", all, err)
	}
	if l.Members {
		all, err := m.Members(ctx)
		for i := range all {
			all[i].ID = "" // the one that is added again has another
		}
		slices.SortFunc(all, func(a, b op.EtcdMember) int { return slices.Compare(a.PeerURLs, b.PeerURLs) }) // and by that another place
		say("members", all, err)
	}
	for _, name := range l.Runs {
		_, err := exec.Command("pgrep", "-x", name[:min(15, len(name))]).Output()
		say("runs "+name, err == nil, nil)
	}
}

// shell runs a script that prepares the node.
func shell(script string) error {
	out, err := exec.Command("bash", "-ec", script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot prepare the node: %w: %s", err, out)
	}
	return nil
}

const unitText = "[Service]\nExecStart=/bin/sleep infinity\n"

func unitOps(s *stage) (op.Plan, lookAt, error) {
	const dir = "/run/systemd/system/"
	const stopped, again, made = "kill-stopped.service", "kill-again.service", "kill-made.service"
	s.t.Cleanup(func() { _ = shell("cd " + dir + "; systemctl stop 'kill-*'; rm -f kill-*; systemctl daemon-reload") })
	err := shell(fmt.Sprintf("cd %s; for u in %s %s; do printf '%s' > $u; done; systemctl daemon-reload; systemctl start %s %s", dir, stopped, again, unitText, stopped, again))
	return op.Plan{
		op.ReloadUnits{},
		op.WriteFile{Path: dir + made, Data: []byte(unitText), Mode: 0o644},
		op.ReloadUnits{},
		op.Unit{Verb: "start", Name: made}, op.Unit{Verb: "stop", Name: stopped}, op.Unit{Verb: "restart", Name: again},
	}, lookAt{Dir: s.base + "/none", Units: []string{made, stopped, again}, Kernel: []string{dir + made}}, err
}

func objectOps(s *stage) (op.Plan, lookAt, error) {
	const maps = "/api/v1/namespaces/default/configmaps/"
	api := kube.New(source.New("/", true))
	for _, name := range []string{"kill-gone", "kill-patched", "kill-set"} {
		body := fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"of":"kill"}},"data":{"a":"1","b":"2"}}`, name)
		status, answer, err := api.Request(s.t.Context(), http.MethodPost, strings.TrimSuffix(maps, "/"), "application/json", []byte(body))
		if err == nil && status != http.StatusCreated {
			err = fmt.Errorf("the API server says %d: %s", status, answer)
		}
		if err != nil {
			return nil, lookAt{}, fmt.Errorf("cannot create %s: %w", name, err)
		}
	}
	s.t.Cleanup(func() {
		for _, name := range []string{"kill-gone", "kill-patched", "kill-set", "kill-made"} {
			_, _, _ = api.Request(context.Background(), http.MethodDelete, maps+name, "", nil)
		}
	})
	return op.Plan{
			op.CreateObject{Path: maps + "kill-made", Body: json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kill-made","namespace":"default"},"data":{"c":"3"}}`)},
			op.PatchObject{Path: maps + "kill-patched", Patch: json.RawMessage(`{"data":{"a":"9","b":null,"d":"4"}}`), Why: "change it"},
			op.SetField{Path: maps + "kill-set", Field: []string{"data", "a"}, Value: json.RawMessage(`"7"`), Was: json.RawMessage(`"1"`), Why: "set it"},
			op.DeleteObject{Path: maps + "kill-gone"},
		}, lookAt{
			Dir: s.base + "/none", Objects: []string{maps + "kill-made", maps + "kill-patched", maps + "kill-set", maps + "kill-gone"},
		}, nil
}

// groupOps limit a control group of the test's own.
func groupOps(s *stage) (op.Plan, lookAt, error) {
	const root, name = "/sys/fs/cgroup", "/klustered-kill"
	disk, err := exec.Command("bash", "-c", "cat /sys/block/*/dev | grep -v ^7: | head -n 1").Output()
	if err != nil || len(disk) == 0 {
		return nil, lookAt{}, fmt.Errorf("cannot find a disk: %q, %v", disk, err)
	}
	memory, tasks, io := root+"/memory"+name+"/memory.limit_in_bytes", root+"/pids"+name+"/pids.max", root+"/blkio"+name+"/blkio.throttle.write_bps_device"
	freezer, state := root+"/freezer"+name, "/freezer.state"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		memory, tasks, io = root+name+"/memory.max", root+name+"/pids.max", root+name+"/io.max"
		freezer, state = root+name, "/cgroup.freeze"
	}
	files := []string{memory, tasks, io, freezer + state}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			return nil, lookAt{}, err
		}
		s.t.Cleanup(func() { os.Remove(filepath.Dir(f)) })
	}
	bytes, n := uint64(64<<20), uint64(100)
	return op.Plan{
		op.SetGroupLimit{File: memory, New: &bytes, Why: "it"}, op.SetGroupLimit{File: tasks, New: &n, Why: "it"},
		op.SetIOLimit{File: io, Device: strings.TrimSpace(string(disk)), Key: "wbps", New: 1 << 20},
		op.Freeze{Group: freezer, Frozen: true},
	}, lookAt{Dir: s.base + "/none", Kernel: files}, nil
}

// staticOps restart a static pod's container around a file that it might read.
func staticOps(s *stage) (op.Plan, lookAt, error) {
	file := filepath.Join(s.base, "etc", "read")
	err := (&machine.Files{}).WriteFile(file, op.File{Data: []byte("old"), Mode: 0o600, Modified: long})
	return op.Plan{
		op.WriteFile{Path: file, Pin: op.File{Data: []byte("old")}.Sum(), Data: []byte("new"), Mode: 0o600},
		op.RestartStatic{Container: "kube-scheduler", Socket: "/run/containerd/containerd.sock"},
	}, lookAt{Dir: filepath.Dir(file), Runs: []string{"kube-scheduler"}}, err
}

// etcdOps free space in an etcd that has raised an alarm, as the remedy of a full
// one does.
func etcdOps(s *stage) (op.Plan, lookAt, error) {
	m := etcd.New(source.New("/", true))
	members, err := m.Members(s.t.Context())
	if err != nil || len(members) != 1 {
		return nil, lookAt{}, fmt.Errorf("cannot use etcd: %d members, want 1: %v", len(members), err)
	}
	a := op.Alarm{Member: members[0].ID, Kind: "NOSPACE"}
	s.t.Cleanup(func() { _ = m.SetAlarm(context.Background(), a, false) })
	return op.Plan{
		op.EtcdSnapshot{Path: filepath.Join(s.base, "etcd-1.db")}, op.EtcdCompact{}, op.EtcdDefragment{}, op.EtcdDisarm{Alarm: a}, op.EtcdProveWrite{},
	}, lookAt{Dir: s.base + "/none", Alarms: true}, m.SetAlarm(s.t.Context(), a, true)
}
