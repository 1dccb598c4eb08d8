package etcd

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// node makes a root whose manifest starts etcd with the given flags and whose
// data file is the one of the package store.
func node(t *testing.T, flags ...string) string {
	t.Helper()
	root := t.TempDir()
	text := "spec:\n  containers:\n  - command:\n    - etcd\n    - --name=cp1\n    - --data-dir=/var/lib/etcd\n"
	for _, f := range flags {
		text += "    - " + f + "\n"
	}
	put(t, root, "/etc/kubernetes/manifests/etcd.yaml", []byte(text))
	z, err := os.ReadFile("store/testdata/full.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, "/var/lib/etcd/member/snap/db", data)
	return root
}

func put(t *testing.T, root, name string, data []byte) {
	t.Helper()
	sourcetest.File(t, root, name, string(data), 0o600)
}

func collected(t *testing.T, e *source.Env, s *snapshot.Snapshot) *snapshot.Etcd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := collect(ctx, e, s); err != nil {
		t.Fatal(err)
	}
	return s.Etcd
}

func TestOffline(t *testing.T) {
	e := source.New(node(t, "--quota-backend-bytes=1048576"), false)
	x := collected(t, e, &snapshot.Snapshot{})
	if x.Running || x.Reachable || !x.Offline || x.DBFileSize != 2<<20 || x.Device == "" {
		t.Errorf("got %+v", x)
	}
	if x.Quota != 1<<20 || x.QuotaSource != "/etc/kubernetes/manifests/etcd.yaml" || x.QuotaLine != 7 {
		t.Errorf("quota: got %d at %s:%d", x.Quota, x.QuotaSource, x.QuotaLine)
	}
	if st := x.Status; st.MemberID != "2e1259d415f2a040" || st.Revision != 115 || st.Compacted != 5 || st.InUse < 1<<20 {
		t.Errorf("status: got %+v", st)
	}
	if fmt.Sprint(x.Alarms) != "[{2e1259d415f2a040 NOSPACE}]" {
		t.Errorf("alarms: got %v", x.Alarms)
	}
	w := x.Writers[0]
	if w.Kind != "ConfigMap" || w.Namespace != "apps" || w.Name != "nightly-report" || w.Manager != "report-writer" || w.Version != 101 {
		t.Errorf("writer: got %+v", w)
	}
	if g := e.Gaps(); len(g) > 0 {
		t.Errorf("gaps: got %v", g)
	}
}

func TestNoMember(t *testing.T) {
	x := collected(t, source.New(t.TempDir(), false), &snapshot.Snapshot{})
	if x.DataDir != "" || x.Running || x.Status != nil {
		t.Errorf("got %+v", x)
	}
}

func TestDamagedFileIsAGap(t *testing.T) {
	root := node(t)
	put(t, root, "/var/lib/etcd/member/snap/db", bytes.Repeat([]byte("damage"), 10_000))
	e, s := source.New(root, false), &snapshot.Snapshot{}
	if err := collect(context.Background(), e, s); err == nil {
		t.Error("got no error")
	}
	if g := e.Gaps(); len(g) != 1 || !strings.HasSuffix(g[0].Source, "/db") {
		t.Errorf("gaps: got %v", g)
	}
	if s.Etcd == nil || s.Etcd.DataDir != "/var/lib/etcd" {
		t.Errorf("got %+v", s.Etcd)
	}
}

// silent listens and never says anything.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestMemberThatDoesNotAnswer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := closed.Addr().String()
	closed.Close()
	tests := map[string]struct {
		addr  string
		limit time.Duration
	}{
		"refused": {refused, 1400 * time.Millisecond},
		"silent":  {silent(t) + ",http://" + silent(t), answerTime + 700*time.Millisecond},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := source.New(node(t, "--listen-client-urls=http://"+tt.addr), true)
			s := &snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 7, Name: "etcd"}}}}
			start := time.Now()
			x := collected(t, e, s)
			if took := time.Since(start); took > tt.limit {
				t.Errorf("took %v, want at most %v", took, tt.limit)
			}
			if !x.Running || x.Reachable || !x.Offline || x.Error == "" || len(x.Alarms) != 1 {
				t.Errorf("got %+v", x)
			}
			if g := e.Gaps(); len(g) == 0 {
				t.Error("no gap says that it did not answer")
			}
		})
	}
}

func TestAnEtcdOfAPodIsNoMember(t *testing.T) {
	s := &snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{
		{PID: 1, Name: "systemd", NetNS: 10}, {PID: 2, Name: "etcd", NetNS: 11}, {PID: 3, Name: "etcd", NetNS: 10, State: "Z"},
		{PID: 4, Name: "etcd", NetNS: 10, State: "S"}, {PID: 5, Name: "etcd"},
	}}}
	if got := processes(s); len(got) != 2 || got[0].PID != 4 || got[1].PID != 5 {
		t.Errorf("got %+v", got)
	}
}
