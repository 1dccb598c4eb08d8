package op_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/klustered/klustered/op"
)

// A plane is a control plane whose parts answer from a call on, or never.
type plane struct {
	op.Machine
	etcd, api int // the call from which they answer; 0 is never
	calls     int
	revived   []string
}

func (p *plane) Members(context.Context) ([]op.EtcdMember, error) {
	if p.calls++; p.etcd == 0 || p.calls < p.etcd {
		return nil, errors.New("it does not answer")
	}
	return nil, nil
}

func (p *plane) Request(context.Context, string, string, string, []byte) (int, []byte, error) {
	if p.calls++; p.api == 0 || p.calls < p.api {
		return http.StatusInternalServerError, nil, nil
	}
	return http.StatusForbidden, nil, nil
}

func (p *plane) ReviveStatic(_ context.Context, _, container string) error {
	p.revived = append(p.revived, container)
	return nil
}

// What needs another component is started when that answers, and else left to
// the kubelet.
func TestReviveStatic(t *testing.T) {
	op.SetReviving(t, 1500*time.Millisecond)
	for name, tt := range map[string]struct {
		plane plane
		after string
		calls int
		done  bool
	}{
		"needs nothing":           {plane{}, "", 0, true},
		"etcd answers":            {plane{etcd: 1}, "etcd", 1, true},
		"the API answers in time": {plane{api: 2}, "kube-apiserver", 2, true},
		"etcd never answers":      {plane{}, "etcd", 2, false},
	} {
		r := op.ReviveStatic{Container: "x", After: tt.after}
		if err := r.Do(t.Context(), &tt.plane); err != nil || len(tt.plane.revived) > 0 != tt.done || tt.plane.calls != tt.calls {
			t.Errorf("%s: %v, revived %v, %d calls, want %d", name, err, tt.plane.revived, tt.plane.calls, tt.calls)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (op.ReviveStatic{After: "etcd"}).Do(ctx, &plane{}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
