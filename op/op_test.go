package op_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func pin(t *testing.T, m op.Machine, path string) string {
	t.Helper()
	f, err := m.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return f.Sum()
}

// quota is how much processor time all pods may have.
const quota = "/sys/fs/cgroup/cpu/kubepods/cpu.cfs_quota_us"

var most = uint64(5000)

const limit = "/sys/fs/cgroup/blkio/kubepods/blkio.throttle.write_bps_device"

const frozen = "/sys/fs/cgroup/freezer/kubepods"

var eth0 = op.QdiscPlace{Link: "eth0", Parent: "root"}

// simulated is a node with files that a healthy one of the laws does not need.
func simulated(t *testing.T) *faulttest.Machine {
	return faulttest.New(t,
		faulttest.File("/proc/sys/net/ipv4/ip_forward", op.File{Data: []byte("1\n"), Mode: 0o644}),
		faulttest.File(frozen+"/freezer.state", op.File{Data: []byte("THAWED\n"), Mode: 0o644}))
}

// every is one op of each kind that can be done on a healthy machine, with a
// word of what it says it does.
func every(t *testing.T, m *faulttest.Machine) map[string]op.Op {
	const front = "/apis/apps/v1/namespaces/canary/deployments/front"
	slow := op.QdiscPlace{Link: "cni0", Parent: "root"}
	if err := m.WriteQdisc(op.Qdisc{QdiscPlace: slow, Kind: "tbf", RateBps: 8000}); err != nil {
		t.Fatal(err)
	}
	now, _, err := m.ReadQdisc(slow)
	if err != nil {
		t.Fatal(err)
	}
	input := op.FilterPlace{Family: "ip", Table: "filter", Chain: "INPUT"}
	first, _, err := m.FindRule(input, op.FilterRule{Match: &op.FilterMatch{Verdict: "jump", Target: "KUBE-FIREWALL"}})
	if err != nil || first.Handle == 0 {
		t.Fatal(first, err)
	}
	lost := snapshot.EtcdMember{ID: "2", Name: "lost", PeerURLs: []string{"https://10.0.0.2:2380"}}
	e := m.World.Etcd
	e.Members = append(e.Members, snapshot.EtcdMember{ID: "3", Name: "other", ClientURLs: []string{"https://10.0.0.3:2379"}}, lost)
	e.Endpoints = append(e.Endpoints, snapshot.EtcdEndpoint{URL: "https://10.0.0.3:2379", ID: "3", Reachable: true})
	output := op.FilterPlace{Family: "ip", Table: "filter", Chain: "OUTPUT"} // put back, its rules have other handles
	chain, ok, err := m.ReadFilter(output)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return map[string]op.Op{
		"remove the rule \"jump": op.DeleteRule{At: input, Rule: op.FilterRule{Sum: first.Sum, Handle: first.Handle, Text: first.Text}, Why: "it"},
		"tcp dport 6443 drop":    op.AddRule{At: input, Match: op.FilterMatch{Protocol: "tcp", DstPort: 6443, Verdict: "drop"}, Last: true},
		"remove the chain":       op.DeleteFilter{At: output, Sum: chain.Sum, Why: "it"},
		"remove the route":       op.DeleteRoute{Route: op.Route{Kind: "route", Text: "172.20.0.0/16 dev eth0 table 254"}, Why: "it"},
		"add the route":          op.AddRoute{Route: op.Route{Kind: "route", Text: "blackhole 10.244.1.0/24 table 254 proto static"}},
		"add the rule":           op.AddRoute{Route: op.Route{Kind: "rule", Text: "priority 9 from all to 10.96.0.0/12 prohibit"}},
		"add the neigh":          op.AddRoute{Route: op.Route{Kind: "neighbour", Text: "172.20.0.1 lladdr 02:00:00:00:00:09 dev eth0 nud permanent"}},
		"set cni0 down":          op.SetLink{At: op.LinkPlace{Link: "cni0"}, OldUp: true, OldMTU: 1500, NewMTU: 1500},
		"MTU of eth0":            op.SetLink{At: op.LinkPlace{Link: "eth0"}, OldUp: true, OldMTU: 1500, NewUp: true, NewMTU: 900},
		"make the table": op.AddFilter{Filter: op.Filter{FilterPlace: op.FilterPlace{Family: "inet", Table: "site"}, Chains: []op.FilterChain{
			{Name: "in", Type: "filter", Hook: "input", Rules: []op.FilterMatch{{InLink: "eth0", From: "10.0.0.0/8", Verdict: "drop"}, {Protocol: "udp", Verdict: "redirect", Target: ":53"}}}}}},
		"replace /etc/hosts":         op.WriteFile{Path: "/etc/hosts", Pin: pin(t, m, "/etc/hosts"), Data: []byte("127.0.0.1 x\n"), Mode: 0o600, Why: "shorter"},
		"create /etc/new":            op.WriteFile{Path: "/etc/new/deep/link", Link: "/etc/hosts", Mode: 0o777},
		"remove /etc/crontab":        op.RemoveFile{Path: "/etc/crontab", Pin: pin(t, m, "/etc/crontab"), Why: "stop it"},
		"cron writes another":        op.RemoveFile{Path: "/etc/crontab", Pin: pin(t, m, "/etc/crontab"), Why: "cron writes another", Anew: true},
		"remove /bin":                op.RemoveFile{Path: "/bin", Pin: pin(t, m, "/bin")},
		"copy":                       op.CopyFile{From: "/usr/lib/cni/bridge", FromPin: pin(t, m, "/usr/lib/cni/bridge"), To: "/opt/cni/bin/other", Mode: 0o755},
		"change /etc/group:1":        op.EditLine{Path: "/etc/group", Pin: pin(t, m, "/etc/group"), Line: 1, Old: []string{"root:x:0:"}, New: []string{"root:x:0:a"}},
		"take out of":                op.EditLine{Path: "/etc/passwd", Pin: pin(t, m, "/etc/passwd"), Line: 1, Old: []string{"root:x:0:0:root:/root:/bin/bash"}},
		"insert at":                  op.EditLine{Path: "/etc/hostname", Pin: pin(t, m, "/etc/hostname"), Line: 1, New: []string{"x"}, Why: "longer"},
		"set the mode":               op.Chmod{Path: "/opt/cni/bin/bridge", Old: 0o755, New: 0o644},
		"limit wbps":                 op.SetIOLimit{File: limit, Device: "8:0", Key: "wbps", New: 1 << 20},
		"to 5000: because":           op.SetGroupLimit{File: quota, New: &most, Why: "because"},
		"sysctl net.ipv4.ip_forward": op.Sysctl{Name: "net.ipv4.ip_forward", Old: "1", New: "0"},
		"freeze all":                 op.Freeze{Group: frozen, Frozen: true},
		"with SIGSTOP":               op.Signal{Process: op.Process{PID: 140, Exe: "/usr/sbin/cron"}, Stop: true},
		"mount a tmpfs":              op.MountOver{Mount: op.Mount{Path: "/opt/cni/bin", Type: "tmpfs", Source: "tmpfs"}},
		"show /etc/kubernetes":       op.MountOver{Mount: op.Mount{Path: "/etc/cni/net.d", Type: "bind", Source: "/etc/kubernetes"}},
		"unmount /var":               op.Unmount{Mount: op.Mount{Path: "/var", Type: "ext4", Source: "/dev/sda", Root: "/var"}, Why: "it hides"},
		"make /etc/kubernetes immu":  op.FileAttr{Path: "/etc/kubernetes", New: op.FileFlags{Immutable: true}},
		"append-only":                op.FileAttr{Path: "/etc/hosts", New: op.FileFlags{Append: true}},
		"stop cron":                  op.Unit{Verb: "stop", Name: "cron.service"},
		"start logrotate":            op.Unit{Verb: "start", Name: "logrotate.service"},
		"unit files again":           op.ReloadUnits{},
		"put a tbf":                  op.AddQdisc{Qdisc: op.Qdisc{QdiscPlace: eth0, Kind: "tbf", RateBps: 64000}},
		"remove the tbf":             op.DeleteQdisc{Qdisc: now},
		"for 1m0s":                   op.GuardPorts{Guard: op.Guard{Name: "g", Ports: []op.GuardPort{{Port: 2380, Allow: []string{"10.0.0.1"}}, {Port: 2379}}, Expires: time.Minute}},
		"delete " + front:            op.DeleteObject{Path: front, Why: "it writes"},
		"create /api":                op.CreateObject{Path: "/api/v1/namespaces/default/configmaps/x", Body: json.RawMessage(`{"metadata":{"name":"x"}}`)},
		"scale it":                   op.PatchObject{Path: front, Patch: json.RawMessage(`{"spec":{"replicas":0,"paused":true},"metadata":{"labels":{"a":"b"}}}`), Why: "scale it"},
		"pause it":                   op.SetField{Path: front, Field: []string{"spec", "template", "spec", "containers", "name=front", "image"}, Value: json.RawMessage(`"x"`), Was: json.RawMessage(`"canary:1"`), Why: "pause it"},
		"save a snapshot":            op.EtcdSnapshot{Path: op.EtcdDir + "/cp1-7.db"},
		"a quorum without":           op.EtcdKeepQuorum{Endpoint: "https://127.0.0.1:2379"},
		"compact etcd":               op.EtcdCompact{},
		"remove the member lost (2)": op.EtcdRemoveMember{Member: op.EtcdMember(lost), Why: "it is dead"},
		"defragment":                 op.EtcdDefragment{Endpoint: "https://127.0.0.1:2379"},
		"disarm":                     op.EtcdDisarm{Alarm: op.Alarm{Member: "8e9e05c52164694d", Kind: "NOSPACE"}},
		"prove":                      op.EtcdProveWrite{},
		"can give memory 3Gi: first": op.NodeRoom{Node: "cp1", Room: map[string]string{"memory": "3Gi"}, Why: "first"},
		"remember":                   op.EtcdRemember{},
		"issue /etc/kubernetes/pki/apiserver.crt": op.IssueCertificate{
			Cert: "/etc/kubernetes/pki/apiserver.crt", CertPin: pin(t, m, "/etc/kubernetes/pki/apiserver.crt"),
			Key: "/etc/kubernetes/pki/apiserver.key", KeyPin: pin(t, m, "/etc/kubernetes/pki/apiserver.key"),
			CACert: "/etc/kubernetes/pki/ca.crt", CAKey: "/etc/kubernetes/pki/ca.key", Name: "kube-apiserver", DNS: []string{"kubernetes"}, IPs: []string{"10.96.0.1"}, Server: true,
		},
		"issue /etc/new.pem": op.IssueCertificate{
			Cert: "/etc/new.pem", Key: "/etc/new.pem", CACert: "/etc/kubernetes/pki/ca.crt", CAKey: "/etc/kubernetes/pki/ca.key", Name: "x", Groups: []string{"g"}, Client: true, Stranger: true,
		},
		"change byte 3":                     op.Splice{Path: "/etc/hosts", Pin: pin(t, m, "/etc/hosts"), Offset: 3, Remove: 2, Insert: []byte("x"), Why: "it is damaged"},
		"public half":                       op.PublishKey{Key: "/etc/kubernetes/pki/etcd/server.key", Path: "/etc/kubernetes/pki/sa.pub", Pin: pin(t, m, "/etc/kubernetes/pki/sa.pub")},
		"make /etc/kubernetes/new.pub anew": op.PublishKey{Key: "/etc/kubernetes/pki/sa.key", Path: "/etc/kubernetes/new.pub", Fresh: true},
		"container etcd":                    op.RestartStatic{Container: "etcd", Socket: "/run/containerd/containerd.sock", Why: "it reads its files again"},
		"kube-scheduler as soon as":         op.ReviveStatic{Containers: []op.Waiting{{Name: "kube-scheduler", After: "kube-apiserver"}}, Socket: "/run/containerd/containerd.sock"},
		"rebuild": op.IssueKubeconfig{
			Path: "/root/.kube/config", Pin: pin(t, m, "/root/.kube/config"), Cluster: "klustered", Server: "https://172.20.0.2:6443",
			CACert: "/etc/kubernetes/pki/ca.crt", CAKey: "/etc/kubernetes/pki/ca.key", User: "kubernetes-admin", Groups: []string{"kubeadm:cluster-admins"}, Days: 365,
		},
	}
}

// TestEvery holds each kind of op to the package's invariants.
func TestEvery(t *testing.T) {
	m := simulated(t)
	all := every(t, m)
	start := m.State()
	for word, o := range all {
		if !strings.Contains(o.String(), word) {
			t.Errorf("%T says %q, without %q", o, o, word)
		}
		state, err := o.Before(t.Context(), m)
		if err != nil {
			t.Errorf("%T: before: %v", o, err)
			continue
		}
		if err := o.Undo(t.Context(), m, state); err != nil {
			t.Errorf("%T: undo of nothing: %v", o, err)
		}
		if !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%T: Before, or undoing nothing, changed the machine", o)
		}
		for range 2 { // doing it twice is doing it once
			if err := o.Do(t.Context(), m); err != nil {
				t.Errorf("%T: do: %v", o, err)
			}
		}
		if _, oneWay := o.(op.OneWay); !oneWay && !strings.HasPrefix(o.Kind(), "etcd-") && !slices.Contains([]string{"reload-units", "restart-static", "revive-static", "node-room"}, o.Kind()) && reflect.DeepEqual(m.State(), start) {
			t.Errorf("%T did nothing", o)
		}
		for range 2 {
			if err := o.Undo(t.Context(), m, state); err != nil {
				t.Errorf("%T: undo: %v", o, err)
			}
		}
		if got := m.State(); !reflect.DeepEqual(got, start) {
			t.Errorf("%T: not as before", o)
		}
	}
}

// TestAllKinds: no kind is left out of what is tested, and each decodes to itself.
func TestAllKinds(t *testing.T) {
	tested := map[string]bool{}
	for _, o := range every(t, simulated(t)) {
		tested[o.Kind()] = true
	}
	for _, k := range op.Kinds() {
		var p op.Plan
		if err := json.Unmarshal([]byte(`[{"kind":"`+k+`","op":{}}]`), &p); err != nil || len(p) != 1 || p[0].Kind() != k {
			t.Errorf("%s: got %v, %v", k, p, err)
		}
		if !tested[k] {
			t.Errorf("%s is not tested", k)
		}
	}
}

// TestWire: a plan survives JSON, and what is not known is refused.
func TestWire(t *testing.T) {
	var p op.Plan
	for _, o := range every(t, simulated(t)) {
		p = append(p, o)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back op.Plan
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("got %+v, %v", back, err)
	}
	for _, bad := range []string{`[{"kind":"shell","op":{}}]`, `[{"kind":"write-file","op":[]}]`, `{}`, `[1]`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s was taken for a plan", bad)
		}
	}
	if got := p.Risks(); len(got) != 3 || !slices.Contains(got, op.EtcdRemoval) || !slices.Contains(got, op.EtcdMaintenance) || !slices.Contains(got, op.InterruptsWorkloads) {
		t.Errorf("risks: %v", got)
	}
}

// TestUnsaved: what writes to etcd is made after a snapshot, or not at all.
func TestUnsaved(t *testing.T) {
	m := simulated(t)
	start := m.State()
	save := op.EtcdSnapshot{Path: op.EtcdDir + "/cp1-7.db"}
	for name, tt := range map[string]struct {
		plan op.Plan
		ok   bool
	}{
		"compact":       {op.Plan{op.EtcdCompact{}}, false},
		"too late":      {op.Plan{op.EtcdProveWrite{}, save}, false},
		"a member file": {op.Plan{op.RemoveFile{Path: "/var/lib/etcd/member/snap/db"}}, false},
		"its folder":    {op.Plan{op.RemoveFile{Path: "/var/lib/etcd/member"}}, false},
		"a log":         {op.Plan{op.CopyFile{From: "/a", To: "/var/lib/etcd/member/wal/0-0.wal"}}, false},
		"saved":         {op.Plan{save, op.EtcdCompact{}, op.EtcdDefragment{}}, true},
		"no write":      {op.Plan{op.ReloadUnits{}, op.EtcdKeepQuorum{}}, true},
	} {
		var j log
		j.Buffer = new(bytes.Buffer)
		err := op.Apply(t.Context(), m, tt.plan, op.Header{}, &j)
		if (err == nil) != tt.ok || !tt.ok && (!errors.Is(err, op.ErrUnsaved) || j.Len() > 0) {
			t.Errorf("%s: got %v", name, err)
		}
		if !tt.ok && !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%s: the machine was changed", name)
		}
	}
}

// TestMoved: an op whose ground has moved is ErrChanged and changes nothing.
func TestMoved(t *testing.T) {
	m := simulated(t)
	start := m.State()
	for name, o := range map[string]op.Op{
		"another content": op.WriteFile{Path: "/etc/hosts", Pin: "0", Mode: 0o644},
		"gone":            op.WriteFile{Path: "/etc/none", Pin: "0", Mode: 0o644},
		"appeared":        op.WriteFile{Path: "/etc/hosts", Mode: 0o644},
		"remove":          op.RemoveFile{Path: "/etc/hosts", Pin: "0"},
		"remove gone":     op.RemoveFile{Path: "/etc/none", Pin: "0"},
		"copy from":       op.CopyFile{From: "/usr/lib/cni/bridge", FromPin: "0", To: "/opt/x"},
		"copy to":         op.CopyFile{From: "/usr/lib/cni/bridge", FromPin: pin(t, m, "/usr/lib/cni/bridge"), To: "/opt/cni/bin/bridge"},
		"mode":            op.Chmod{Path: "/etc/hosts", Old: 0o600, New: 0o644},
		"sysctl":          op.Sysctl{Name: "net.ipv4.ip_forward", Old: "0", New: "1"},
		"thawed":          op.Freeze{Group: frozen},
		"another process": op.Signal{Process: op.Process{PID: 140, Start: 7, Exe: "/usr/sbin/cron"}},
		"no process":      op.Signal{Process: op.Process{PID: 99999}},
		"not mounted":     op.Unmount{Mount: op.Mount{Path: "/etc", Type: "tmpfs"}},
		"another mount":   op.Unmount{Mount: op.Mount{Path: "/var", Type: "tmpfs"}},
		"attributes":      op.FileAttr{Path: "/etc/hosts", Old: op.FileFlags{Immutable: true}},
		"limit":           op.SetIOLimit{File: limit, Device: "8:0", Key: "wbps", Old: 5},
		"group limit":     op.SetGroupLimit{File: quota, Old: &most},
		"no such rule":    op.DeleteRule{At: op.FilterPlace{Family: "ip", Table: "filter", Chain: "INPUT"}, Rule: op.FilterRule{Sum: "0", Handle: 1}},
		"no such chain":   op.DeleteRule{At: op.FilterPlace{Family: "ip", Table: "other", Chain: "INPUT"}, Rule: op.FilterRule{Sum: "0", Handle: 1}},
		"rule there":      op.AddRule{At: op.FilterPlace{Family: "ip", Table: "filter", Chain: "INPUT"}, Match: op.FilterMatch{Verdict: "jump", Target: "KUBE-FIREWALL"}},
		"another table":   op.DeleteFilter{At: op.FilterPlace{Family: "ip", Table: "filter"}, Sum: "0"},
		"table there":     op.AddFilter{Filter: op.Filter{FilterPlace: op.FilterPlace{Family: "ip", Table: "filter"}}},
		"no such route":   op.DeleteRoute{Route: op.Route{Kind: "route", Text: "10.0.0.0/8 dev eth0"}},
		"route there":     op.AddRoute{Route: op.Route{Kind: "route", Text: "172.20.0.0/16 dev eth0 table 254"}},
		"link state":      op.SetLink{At: op.LinkPlace{Link: "cni0"}, OldMTU: 1500},
		"qdisc kind":      op.DeleteQdisc{Qdisc: op.Qdisc{QdiscPlace: eth0, Kind: "netem"}},
		"object gone":     op.DeleteObject{Path: "/api/v1/namespaces/x"},
		"object there":    op.CreateObject{Path: "/apis/apps/v1/namespaces/canary/deployments/front"},
		"certificate":     op.IssueCertificate{Cert: "/etc/kubernetes/pki/ca.crt", CertPin: "0"},
		"splice":          op.Splice{Path: "/etc/hosts", Pin: "0"},
		"its key":         op.IssueCertificate{Cert: "/etc/x.crt", Key: "/etc/kubernetes/pki/ca.key"},
		"kubeconfig":      op.IssueKubeconfig{Path: "/root/.kube/config", Pin: "0"},
	} {
		if _, err := o.Before(t.Context(), m); !errors.Is(err, op.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !reflect.DeepEqual(m.State(), start) {
		t.Error("Before changed the machine")
	}
	if _, err := (op.SetIOLimit{File: "/sys/none", Device: "8:0"}).Before(t.Context(), m); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such group: %v", err)
	}
}

// TestUndoLooks: undo leaves alone what someone else changed meanwhile.
func TestUndoLooks(t *testing.T) {
	m := faulttest.New(t)
	o := op.WriteFile{Path: "/etc/hosts", Pin: pin(t, m, "/etc/hosts"), Data: []byte("x"), Mode: 0o644}
	data := apply(t, m, op.Plan{o, op.SetIOLimit{File: limit, Device: "8:0", Key: "wbps", New: 100}})
	if err := m.WriteFile("/etc/hosts", op.File{Data: []byte("edited"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	if err := m.Poke(limit, []byte("8:0 50")); err != nil {
		t.Fatal(err)
	}
	err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{})
	if !errors.Is(err, op.ErrChanged) || strings.Count(err.Error(), "cannot undo") != 2 {
		t.Errorf("got %v", err)
	}
	if f, _ := m.ReadFile("/etc/hosts"); string(f.Data) != "edited" {
		t.Errorf("the other change was lost: %q", f.Data)
	}
}

// TestPassing: what is handed on is undone whoever has taken it.
func TestPassing(t *testing.T) {
	const front = "/apis/apps/v1/namespaces/canary/deployments/front"
	for passing, want := range map[bool]float64{true: 1, false: 5} {
		m := simulated(t)
		data := apply(t, m, op.Plan{op.PatchObject{Path: front, Patch: json.RawMessage(`{"spec":{"replicas":0}}`), Passing: passing}})
		if _, _, err := m.Request(t.Context(), "PATCH", front, "application/merge-patch+json", []byte(`{"spec":{"replicas":5}}`)); err != nil {
			t.Fatal(err)
		}
		if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); errors.Is(err, op.ErrChanged) == passing {
			t.Errorf("passing %v: got %v", passing, err)
		}
		_, answer, err := m.Request(t.Context(), "GET", front, "", nil)
		var x struct{ Spec struct{ Replicas float64 } }
		if err := errors.Join(err, json.Unmarshal(answer, &x)); err != nil || x.Spec.Replicas != want {
			t.Errorf("passing %v: %v replicas, %v; want %v", passing, x.Spec.Replicas, err, want)
		}
	}
}

// TestIOMax does limits of cgroup v2.
func TestIOMax(t *testing.T) {
	m := faulttest.New(t, faulttest.File("/sys/fs/cgroup/x/io.max", op.File{Data: []byte("8:0 rbps=max wbps=max riops=max wiops=9\n"), Mode: 0o644}))
	start := m.State()
	data := apply(t, m, op.Plan{
		op.SetIOLimit{File: "/sys/fs/cgroup/x/io.max", Device: "8:0", Key: "wbps", New: 1000},
		op.SetIOLimit{File: "/sys/fs/cgroup/x/io.max", Device: "8:0", Key: "wiops", Old: 9},
	})
	f, err := m.ReadFile("/sys/fs/cgroup/x/io.max")
	if err != nil || string(f.Data) != "8:0 rbps=max wbps=1000 riops=max wiops=max\n" {
		t.Errorf("got %q, %v", f.Data, err)
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m.State(), start) {
		t.Error("not as before")
	}
}

// TestTexts: what can be shown as a difference is.
func TestTexts(t *testing.T) {
	m := faulttest.New(t)
	write := op.WriteFile{Path: "/etc/hosts", Pin: pin(t, m, "/etc/hosts"), Data: []byte("new\n"), Mode: 0o644}
	state, err := write.Before(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if name, before, after := write.Texts(state); name != "/etc/hosts" || !bytes.Contains(before, []byte("cp1")) || string(after) != "new\n" {
		t.Errorf("got %s, %q, %q", name, before, after)
	}
}

// TestMemoryLimit: the kernel rounds what it is given, and an undo knows it.
func TestMemoryLimit(t *testing.T) {
	m := faulttest.New(t)
	const file = "/sys/fs/cgroup/memory/kubepods/memory.limit_in_bytes"
	was := uint64(1 << 30)
	if err := m.WriteFile(file, op.File{Data: []byte("1073741824\n"), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	odd := uint64(5<<20 + 123)
	data := apply(t, m, op.Plan{op.SetGroupLimit{File: file, Old: &was, New: &odd}})
	if f, _ := m.ReadFile(file); string(f.Data) != "5242880\n" {
		t.Fatalf("the limit is %q", f.Data)
	}
	if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); err != nil {
		t.Error(err)
	}
	if f, _ := m.ReadFile(file); string(f.Data) != "1073741824\n" {
		t.Errorf("after the undo it is %q", f.Data)
	}
}
