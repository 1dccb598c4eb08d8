package etcd

import (
	"errors"
	"fmt"
	"reflect"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

func TestEndpoints(t *testing.T) {
	s := &snapshot.Snapshot{}
	cfg := member.Config{Name: "cp1", Clients: []string{"https://127.0.0.1:2379", "https://10.0.0.1:2379"}}
	list := endpoints(s, cfg, []snapshot.EtcdMember{
		{Name: "cp1", ClientURLs: []string{"https://10.0.0.1:2379"}}, {Name: "cp2", ClientURLs: []string{"https://10.0.0.2:2379", ":"}},
	})
	got := ""
	for _, e := range list {
		got += fmt.Sprint(e.URL, e.Told, e.Member, " ")
	}
	if want := "https://127.0.0.1:2379[etcd]cp1 https://10.0.0.1:2379[etcd members]cp1 https://10.0.0.2:2379[members]cp2 "; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestFailureOf(t *testing.T) {
	down := func(text string) error {
		return status.Error(codes.Unavailable, "connection error: desc = \""+text+"\"")
	}
	if got := failureOf("https://a", status.Error(codes.Unavailable, "write tcp 127.0.0.1:1->127.0.0.1:2379: write: broken pipe")); got != snapshot.EtcdClientCert {
		t.Errorf("hung up after the handshake: got %q", got)
	}
	for want, tt := range map[string]struct {
		url string
		err error
	}{
		snapshot.EtcdRefused:     {"https://a", down("transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused")},
		snapshot.EtcdServerCert:  {"https://a", down("transport: authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority")},
		snapshot.EtcdClientCert:  {"https://a", down("error reading server preface: remote error: tls: certificate required")},
		snapshot.EtcdNotTLS:      {"https://a", down("transport: authentication handshake failed: tls: first record does not look like a TLS handshake")},
		snapshot.EtcdWantsTLS:    {"http://a", down("error reading server preface: EOF")},
		snapshot.EtcdAuth:        {"https://a", status.Error(codes.InvalidArgument, "etcdserver: user name is empty")},
		snapshot.EtcdNoLeader:    {"https://a", status.Error(codes.Unavailable, "etcdserver: no leader")},
		snapshot.EtcdSilent:      {"https://a", status.Error(codes.DeadlineExceeded, "context deadline exceeded")},
		snapshot.EtcdNoCert:      {"https://a", errors.New("cannot load a client certificate for etcd: open x")},
		snapshot.EtcdUnreachable: {"https://a", down("dial tcp: lookup etcd.example: no such host")},
		snapshot.EtcdOther:       {"https://a", errors.New("what")},
		"":                       {},
	} {
		if got := failureOf(tt.url, tt.err); got != want {
			t.Errorf("%v: got %q, want %q", tt.err, got, want)
		}
	}
}

// TestStore looks at the recorded file, in a folder with things that etcd does
// not put there.
func TestStore(t *testing.T) {
	root := node(t)
	put(t, root, "/var/lib/etcd/member/snap/copy.bak", nil)
	put(t, root, "/var/lib/etcd-old/member/snap/db", nil)
	put(t, root, "/var/lib/etcd/member/wal/0000000000000001-0000000000000010.wal", nil)
	put(t, root, "/var/lib/etcd/member/wal/0000000000000003-0000000000000030.wal", nil)
	x := collected(t, source.New(root, false), &snapshot.Snapshot{})
	s := x.Store
	if s == nil || s.Revision != 115 || s.ConsistentIndex == 0 || s.Keys == 0 || s.PageSize != 4096 || s.Restored || len(s.Damage) > 0 || s.ForeignKeys > 0 {
		t.Fatalf("got %+v", s)
	}
	if want := []string{"/var/lib/etcd/member/snap/copy.bak"}; !reflect.DeepEqual(s.Strange, want) {
		t.Errorf("strange: got %v", s.Strange)
	}
	if want := []string{"/var/lib/etcd-old"}; !reflect.DeepEqual(s.Others, want) {
		t.Errorf("others: got %v", s.Others)
	}
	if w := x.WAL; w == nil || w.Segments != 2 || !w.Read || len(w.Missing) != 1 {
		t.Errorf("log: got %+v", w)
	}
}
