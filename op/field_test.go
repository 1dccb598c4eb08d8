package op_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

// contested is a machine on which somebody else writes an object just before
// the first write of it.
type contested struct {
	*faulttest.Machine
	first op.Op
}

func (c *contested) Request(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	if method == http.MethodPut && c.first != nil {
		first := c.first
		c.first = nil
		return http.StatusConflict, nil, first.Do(ctx, c.Machine)
	}
	return c.Machine.Request(ctx, method, path, contentType, body)
}

// TestSetFieldContested: what somebody else sets between two attempts stays.
func TestSetFieldContested(t *testing.T) {
	const front = "/apis/apps/v1/namespaces/canary/deployments/front"
	field := []string{"spec", "template", "spec", "containers", "name=front", "image"}
	set := func(value, was string) op.SetField {
		return op.SetField{Path: front, Field: field, Value: json.RawMessage(value), Was: json.RawMessage(was)}
	}
	other := op.SetField{Path: front, Field: []string{"spec", "paused"}, Value: json.RawMessage("true")}
	for _, tt := range []struct {
		name  string
		first op.Op
		want  error
		left  string
	}{
		{"another field", other, nil, `"canary:2"`},
		{"to the same", set(`"canary:2"`, `"canary:1"`), nil, `"canary:2"`},
		{"to something else", set(`"canary:3"`, `"canary:1"`), op.ErrChanged, `"canary:3"`},
	} {
		m := faulttest.New(t)
		if err := set(`"canary:2"`, `"canary:1"`).Do(t.Context(), &contested{m, tt.first}); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if _, err := set(tt.left, tt.left).Before(t.Context(), m); err != nil {
			t.Errorf("%s: the field is not %s: %v", tt.name, tt.left, err)
		}
	}
}
