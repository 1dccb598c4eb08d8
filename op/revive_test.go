package op_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/op"
)

// A plane is a control plane whose parts answer from a call on, or never.
type plane struct {
	op.Machine
	etcd, api int // the call from which they answer; 0 is never
	calls     int
	refuses   int // how many removals the runtime refuses
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
	if p.refuses--; p.refuses >= 0 {
		return errors.New("it is being started")
	}
	p.revived = append(p.revived, container)
	return nil
}

// What needs another component is started when that answers, and else, with what
// comes after it, left to the kubelet; so is what the runtime does not remove.
func TestReviveStatic(t *testing.T) {
	op.SetReviving(t, 1500*time.Millisecond)
	all := []op.Waiting{{Name: "a"}, {Name: "b", After: "etcd"}, {Name: "c", After: "kube-apiserver"}}
	for name, tt := range map[string]struct {
		plane plane
		want  string
		calls int
	}{
		"all answer":              {plane{etcd: 1, api: 1}, "a b c", 2},
		"the API answers in time": {plane{etcd: 1, api: 3}, "a b c", 3},
		"etcd never answers":      {plane{api: 1}, "a", 2},
		"a removal is refused":    {plane{etcd: 1, api: 1, refuses: 1}, "a b c", 2},
		"all are refused":         {plane{etcd: 1, api: 1, refuses: 9}, "", 0},
	} {
		r := op.ReviveStatic{Containers: all}
		if err := r.Do(t.Context(), &tt.plane); err != nil || strings.Join(tt.plane.revived, " ") != tt.want || tt.plane.calls != tt.calls {
			t.Errorf("%s: %v, revived %v, want %s; %d calls, want %d", name, err, tt.plane.revived, tt.want, tt.plane.calls, tt.calls)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (op.ReviveStatic{Containers: all}).Do(ctx, &plane{}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
