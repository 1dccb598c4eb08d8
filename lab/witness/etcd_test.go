package witness

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

// etcdctl runs etcdctl as the node's health check does.
const etcdctl = `ETCDCTL_CACERT=/etc/kubernetes/pki/etcd/ca.crt ETCDCTL_CERT=/etc/kubernetes/pki/etcd/healthcheck-client.crt ` +
	`ETCDCTL_KEY=/etc/kubernetes/pki/etcd/healthcheck-client.key etcdctl --endpoints https://127.0.0.1:2379 `

func testEtcd(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Etcd
	if x == nil || x.DataDir == "" {
		t.Skip("no member of etcd")
	}
	testEtcdStatus(ctx, t, n, x)
	testEtcdMembers(ctx, t, n, x)
	testEtcdKeys(ctx, t, n, x)
	testEtcdFiles(ctx, t, n, x)
}

// testEtcdStatus compares what does not move by itself, and that what moves
// has only moved on.
func testEtcdStatus(ctx context.Context, t *testing.T, n Node, x *snapshot.Etcd) {
	var list []struct {
		Status struct {
			Version             string
			Leader              uint64
			RaftTerm, RaftIndex uint64
		}
	}
	if err := n.JSON(ctx, etcdctl+"endpoint status -w json", &list); err != nil {
		t.Fatal(err)
	}
	want := list[0].Status
	if got, w := x.Status.Version+" "+x.Status.Leader, fmt.Sprintf("%s %x", want.Version, want.Leader); got != w || x.Status.Term != want.RaftTerm {
		t.Errorf("status: got %s, term %d, want %s, term %d", got, x.Status.Term, w, want.RaftTerm)
	}
	for _, e := range x.Endpoints {
		if !e.Reachable || e.Leader != x.Status.Leader || e.Index == 0 || e.Index > want.RaftIndex || e.Applied > e.Index {
			t.Errorf("endpoint: got %+v, want the index to be at most %d", e, want.RaftIndex)
		}
	}
	if len(x.Endpoints) < 2 {
		t.Errorf("endpoints: got %+v", x.Endpoints)
	}
}

func testEtcdMembers(ctx context.Context, t *testing.T, n Node, x *snapshot.Etcd) {
	var list struct {
		Members []struct {
			ID                   uint64
			Name                 string
			PeerURLs, ClientURLs []string
		}
	}
	if err := n.JSON(ctx, etcdctl+"member list -w json", &list); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, m := range list.Members {
		want = append(want, fmt.Sprintf("%x %s %v %v", m.ID, m.Name, m.PeerURLs, m.ClientURLs))
	}
	for _, m := range x.Members {
		got = append(got, fmt.Sprintf("%s %s %v %v", m.ID, m.Name, m.PeerURLs, m.ClientURLs))
	}
	same(t, "members", got, want)
	alarms, err := n.Lines(ctx, etcdctl+"alarm list")
	if err != nil || len(alarms) != len(x.Alarms) {
		t.Errorf("alarms: got %v, want %v, %v", x.Alarms, alarms, err)
	}
}

// testEtcdKeys compares how many keys there are below each prefix.
func testEtcdKeys(ctx context.Context, t *testing.T, n Node, x *snapshot.Etcd) {
	keys, err := n.Lines(ctx, etcdctl+"get --prefix --keys-only ''")
	if err != nil {
		t.Fatal(err)
	}
	if diff := x.Store.Keys - len(keys); diff > 20 || diff < -20 {
		t.Errorf("keys: got %d, etcdctl lists %d", x.Store.Keys, len(keys))
	}
	for _, p := range x.Prefixes {
		if slices.Contains([]string{"/registry/events/", "(other)"}, p.Prefix) {
			continue
		}
		want := 0
		for _, k := range keys {
			if strings.HasPrefix(k, p.Prefix) {
				want++
			}
		}
		if p.Keys != want {
			t.Errorf("%s: got %d keys, etcdctl lists %d", p.Prefix, p.Keys, want)
		}
	}
	for _, k := range x.Store.Foreign {
		if !slices.Contains(keys, k) {
			t.Errorf("foreign key %q is not listed by etcdctl", k)
		}
	}
}

// testEtcdFiles compares with what etcdutl says of a copy of the data file.
func testEtcdFiles(ctx context.Context, t *testing.T, n Node, x *snapshot.Etcd) {
	var st struct {
		Revision  int64
		TotalSize int64
	}
	const copied = "/run/klustered-witness.db"
	script := "cp " + x.DBPath + " " + copied + " && etcdutl snapshot status -w json " + copied + "; rm -f " + copied
	if err := n.JSON(ctx, script, &st); err != nil {
		t.Fatal(err)
	}
	if x.Store.Revision > st.Revision || st.Revision-x.Store.Revision > 2000 {
		t.Errorf("revision of the file: got %d, etcdutl says %d a little later", x.Store.Revision, st.Revision)
	}
	if len(x.Store.Damage)+len(x.Store.Strange)+len(x.Store.Others) > 0 || x.Store.Restored || x.Store.DirMode != 0o700 {
		t.Errorf("store: got %+v", x.Store)
	}
	segments, err := n.Lines(ctx, "ls "+x.DataDir+"/member/wal/*-*.wal")
	if err != nil || x.WAL == nil || x.WAL.Segments != len(segments) || len(x.WAL.Missing)+len(x.WAL.Problems) > 0 {
		t.Errorf("log: got %+v, want %d segments, %v", x.WAL, len(segments), err)
	}
}
