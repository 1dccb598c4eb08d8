package etcd

import (
	"context"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/op"
)

// tree is files, of which each folder holds what begins with its name.
type tree map[string]string

func (t tree) ReadFile(name string) ([]byte, error) {
	if data, ok := t[name]; ok {
		return []byte(data), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func (t tree) Glob(pattern string) []string {
	var out []string
	for name := range t {
		if strings.HasPrefix(name, strings.TrimSuffix(pattern, "[^.]*")) {
			out = append(out, name)
		}
	}
	return out
}

// memberOf is the member whose manifest is in files.
func memberOf(files tree) *Etcd {
	return &Etcd{files, func(context.Context) (member.Config, bool) { return member.Find(files, "") }}
}

func TestWithoutMember(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	closed.Close()
	tests := map[string]struct {
		files tree
		want  string
	}{
		"no manifest": {tree{}, "cannot find etcd"},
		"refused":     {tree{member.ManifestDir + "/etcd.yaml": "spec: {containers: [{command: [etcd, '--listen-client-urls=http://" + addr + "']}]}"}, "cannot reach etcd"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
			defer cancel()
			e := memberOf(tt.files)
			_, err1 := e.SaveSnapshot(ctx, t.TempDir()+"/s.db", "")
			_, err2 := e.Compact(ctx, 0)
			_, err3 := e.Alarms(ctx)
			for i, err := range []error{err1, err2, err3, e.Defragment(ctx, ""), e.ProveWrite(ctx), e.KeepQuorum(ctx, ""), e.SetAlarm(ctx, op.Alarm{Member: "1f", Kind: "NOSPACE"}, false)} {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("call %d: got %v, want %q", i, err, tt.want)
				}
			}
		})
	}
}

func TestAlarmsThatEtcdHasNot(t *testing.T) {
	for _, a := range []op.Alarm{{Member: "not hex", Kind: "NOSPACE"}, {Member: "1f", Kind: "FIRE"}} {
		if err := memberOf(tree{}).SetAlarm(context.Background(), a, true); err == nil || strings.Contains(err.Error(), "find") {
			t.Errorf("%+v: got %v", a, err)
		}
	}
}
