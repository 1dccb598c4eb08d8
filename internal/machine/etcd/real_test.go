package etcd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/op"
)

// program is an etcd that the lab has built, or "".
func program() string {
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	all, _ := filepath.Glob(filepath.Join(cache, "klustered", "bin", "etcd-*", "etcd"))
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1]
}

// ports are free ones.
func ports(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		all = append(all, l.Addr().String())
	}
	return all
}

// cluster starts n members on loopback and returns the first as a node has it,
// their URLs and their processes. They end with the test.
func cluster(t *testing.T, n int) (*Etcd, []string, []*exec.Cmd) {
	t.Helper()
	bin := program()
	if testing.Short() || bin == "" {
		t.Skip("no etcd has been built for the lab")
	}
	all := ports(t, 2*n)
	clients, peers := all[:n], all[n:]
	var initial, urls []string
	for i, p := range peers {
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, p))
		urls = append(urls, "http://"+clients[i])
	}
	var members []*exec.Cmd
	first := ""
	for i := range n {
		args := []string{"--name=m" + fmt.Sprint(i), "--data-dir=" + filepath.Join(t.TempDir(), "data"), "--listen-client-urls=" + urls[i], "--advertise-client-urls=" + urls[i],
			"--listen-peer-urls=http://" + peers[i], "--initial-advertise-peer-urls=http://" + peers[i], "--initial-cluster=" + strings.Join(initial, ","), "--unsafe-no-fsync"}
		if i == 0 {
			first = "spec: {containers: [{command: [etcd, '" + strings.Join(args, "', '") + "']}]}"
		}
		c := exec.Command(bin, args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill(); c.Wait() })
		members = append(members, c)
	}
	e := memberOf(tree{member.ManifestDir + "/etcd.yaml": first})
	for over := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if err := e.ProveWrite(t.Context()); err == nil {
			return e, urls, members
		} else if time.Now().After(over) {
			t.Fatal(err)
		}
	}
}

func TestRealSnapshot(t *testing.T) {
	e, urls, _ := cluster(t, 1)
	c, err := e.dial(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range 300 {
		if _, err := c.KV.Put(t.Context(), &pb.PutRequest{Key: fmt.Appendf(nil, "/registry/x/%d", i%7), Value: bytes.Repeat([]byte("v"), 20<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "etcd", "cp1-1.db")
	plan := op.Plan{op.EtcdSnapshot{Path: path}, op.EtcdKeepQuorum{}, op.EtcdCompact{}, op.EtcdDefragment{Endpoint: urls[0]}, op.EtcdProveWrite{}}
	var j journal
	if err := op.Apply(t.Context(), node{Etcd: e}, plan, op.Header{ID: "1"}, &j); err != nil {
		t.Fatal(err)
	}
	i, err := os.Stat(path)
	if err != nil || i.Mode() != 0o600 || i.Size() < 5<<20 {
		t.Fatalf("got %v, %v", i, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := verify(t.Context(), f, i.Size()-32, 300); err != nil {
		t.Error(err)
	}
	if err := verify(t.Context(), f, i.Size()-32, 400); err == nil {
		t.Error("an older snapshot than the member was taken")
	}
	if err := verify(t.Context(), f, i.Size()/2, 1); err == nil {
		t.Error("half a snapshot was taken")
	}
	// etcd's own tool takes it, sum and all
	out, err := exec.Command(filepath.Join(filepath.Dir(program()), "etcdutl"), "snapshot", "status", path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), ", ") {
		t.Errorf("etcdutl: %s, %v", out, err)
	}
}

func TestRealQuorum(t *testing.T) {
	e, urls, all := cluster(t, 3)
	for _, url := range append(urls, "") {
		if err := e.KeepQuorum(t.Context(), url); err != nil {
			t.Errorf("of three, without %q: %v", url, err)
		}
	}
	all[2].Process.Kill()
	all[2].Wait()
	if err := e.KeepQuorum(t.Context(), urls[2]); err != nil { // waits for a leader
		t.Errorf("without the one that is dead: %v", err)
	}
	for _, url := range []string{"", urls[0], urls[1]} {
		if err := e.quorum(t.Context(), url); err == nil || !strings.Contains(err.Error(), "1 others of 3 answer, and 2 are needed") {
			t.Errorf("of two, without %q: %v", url, err)
		}
	}
}

// node is a machine of which only etcd is there.
type node struct {
	machine
	op.Etcd
}

type machine struct {
	op.Files
	op.Units
	op.Processes
	op.Mounts
	op.Network
	op.Kube
	issuer
}

type issuer interface {
	Issue(ctx context.Context, x op.IssueKubeconfig) ([]byte, error)
	IssueCertificate(ctx context.Context, x op.IssueCertificate) (cert, key []byte, err error)
	RestartStatic(ctx context.Context, socket, container string) error
	ReviveStatic(ctx context.Context, socket, container string) error
}

// journal is a log in memory.
type journal struct{ bytes.Buffer }

func (*journal) Sync() error { return nil }

// A member that nothing was written to is at revision 1, and its file at none.
func TestRealSnapshotOfNothing(t *testing.T) {
	bin := program()
	if testing.Short() || bin == "" {
		t.Skip("no etcd has been built for the lab")
	}
	at := ports(t, 2)
	url := "http://" + at[0]
	args := []string{"--name=m0", "--data-dir=" + filepath.Join(t.TempDir(), "data"), "--listen-client-urls=" + url, "--advertise-client-urls=" + url,
		"--listen-peer-urls=http://" + at[1], "--initial-advertise-peer-urls=http://" + at[1], "--initial-cluster=m0=http://" + at[1]}
	c := exec.Command(bin, args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	e := memberOf(tree{member.ManifestDir + "/etcd.yaml": "spec: {containers: [{command: [etcd, '" + strings.Join(args, "', '") + "']}]}"})
	path := filepath.Join(t.TempDir(), "etcd", "m0.db")
	var err error
	for over := time.Now().Add(30 * time.Second); time.Now().Before(over); time.Sleep(100 * time.Millisecond) {
		if _, err = e.SaveSnapshot(t.Context(), path, ""); err == nil {
			return
		}
	}
	t.Error(err)
}

// TestRealRemove: a dead member is taken off the list, and no other is.
func TestRealRemove(t *testing.T) {
	e, _, all := cluster(t, 3)
	list, err := e.Members(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	slices.SortFunc(list, func(a, b op.EtcdMember) int { return strings.Compare(a.Name, b.Name) })
	refused := func(m op.EtcdMember, want string) {
		t.Helper()
		if err := e.RemoveMember(t.Context(), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", m, err, want)
		}
	}
	refused(list[0], "this node's own")
	refused(list[2], "it is not gone")
	all[2].Process.Kill()
	all[2].Wait()
	moved := list[2]
	moved.PeerURLs = []string{"http://127.0.0.1:1"}
	plan := func(m op.EtcdMember) op.Plan {
		return op.Plan{op.EtcdSnapshot{Path: filepath.Join(t.TempDir(), "etcd", "cp1-1.db")}, op.EtcdRemoveMember{Member: m, Why: "it is dead"}}
	}
	for over := time.Now().Add(20 * time.Second); e.ProveWrite(t.Context()) != nil; { // there may be an election
		if time.Now().After(over) {
			t.Fatal("no leader")
		}
	}
	if err := op.Apply(t.Context(), node{Etcd: e}, plan(moved), op.Header{}, &journal{}); !errors.Is(err, op.ErrChanged) {
		t.Errorf("one with other addresses: %v", err)
	}
	var j journal
	if err := op.Apply(t.Context(), node{Etcd: e}, plan(list[2]), op.Header{}, &j); err != nil {
		t.Fatal(err)
	}
	if err := op.Undo(t.Context(), node{Etcd: e}, bytes.NewReader(j.Bytes()), &journal{}); err != nil {
		t.Errorf("its undo: %v", err)
	}
	now, err := e.Members(t.Context())
	if err != nil || len(now) != 2 || slices.ContainsFunc(now, func(m op.EtcdMember) bool { return m.Name == "m2" }) {
		t.Errorf("got %v, %v", now, err)
	}
	if err := errors.Join(e.RemoveMember(t.Context(), list[2]), e.ProveWrite(t.Context())); err != nil {
		t.Errorf("once more: %v", err)
	}
	all[1].Process.Kill() // the second of two: nothing can be agreed on any more
	all[1].Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := e.RemoveMember(ctx, list[1]); err == nil {
		t.Error("a member was removed without a quorum")
	}
}

// TestRealEnough: of four with two dead, the second dead one may go only when
// three that vote, and two that live, are left.
func TestRealEnough(t *testing.T) {
	e, _, all := cluster(t, 3)
	list, err := e.Members(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := e.dial(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for over := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) { // a member wants its others to have run for a while
		_, err = c.Cluster.MemberAdd(t.Context(), &pb.MemberAddRequest{PeerURLs: []string{"http://127.0.0.1:1"}})
		if err == nil {
			break
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
	}
	now, err := e.Members(t.Context())
	if err != nil || len(now) != 4 {
		t.Fatal(now, err)
	}
	added := now[slices.IndexFunc(now, func(m op.EtcdMember) bool { return m.Name == "" })]
	all[2].Process.Kill()
	all[2].Wait()
	agreed, err := c.Cluster.MemberList(t.Context(), &pb.MemberListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.enough(t.Context(), agreed, agreed.Header.MemberId); err == nil || !strings.Contains(err.Error(), "1 of the other 3 answer, and 2 are needed") {
		t.Errorf("without the node's own: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := e.RemoveMember(ctx, added); err == nil { // two of four that live cannot agree
		t.Errorf("removed of %v", list)
	}
}
