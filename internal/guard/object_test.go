package guard

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

const webhook = `{"kind":"ValidatingWebhookConfiguration","metadata":{"name":"w","resourceVersion":"%d","generation":%d,"managedFields":[
 {"manager":"kubectl-create","operation":"Update","time":"2026-01-01T00:00:00Z"},
 {"manager":"evil-operator","operation":"Apply","time":"2026-01-02T00:00:00Z"},
 {"manager":"kubelet","operation":"Update","subresource":"status","time":"2026-01-03T00:00:00Z"}]},
 "webhooks":[{"failurePolicy":"%s"}],"status":{"x":%d}}`

// TestObject: a change of what is meant is a deed of its last manager; one of
// the version or the status is none.
func TestObject(t *testing.T) {
	w := &Watch{raw: make(chan Deed, 8)}
	answer, status := "", http.StatusOK
	w.opts.API = func(_ context.Context, method, path, _ string, _ []byte) (int, []byte, error) {
		if method != http.MethodGet || path != "/apis/x/w" {
			t.Errorf("%s %s", method, path)
		}
		return status, []byte(answer), nil
	}
	known := map[string]string{}
	look := func() *Deed {
		w.object(t.Context(), Target{Kind: "object", Name: "/apis/x/w", Repair: 3}, known)
		select {
		case d := <-w.raw:
			return &d
		default:
			return nil
		}
	}
	answer = fmt.Sprintf(webhook, 1, 1, "Ignore", 1)
	if d := look(); d != nil {
		t.Errorf("first: %v", d)
	}
	answer = fmt.Sprintf(webhook, 2, 2, "Ignore", 2)
	if d := look(); d != nil {
		t.Errorf("a new status: %v", d)
	}
	answer = fmt.Sprintf(webhook, 3, 3, "Fail", 2)
	if d := look(); d == nil || !strings.HasPrefix(d.Hand.Manager, "evil-operator, by Apply at 2026-01-02") || !strings.Contains(d.Diff, `+      "failurePolicy": "Fail"`) || d.Repair != 3 {
		t.Errorf("%+v", d)
	}
	status = http.StatusForbidden
	if d := look(); d != nil {
		t.Errorf("forbidden: %v", d)
	}
	status = http.StatusNotFound
	if d := look(); d == nil || d.Did != "removed" || d.Hand.Known {
		t.Errorf("%+v", d)
	}
}

func TestAudit(t *testing.T) {
	log := `{"verb":"get","requestURI":"/api/v1/n/x","user":{"username":"a"}}
{"verb":"patch","requestURI":"/api/v1/n/x?fieldManager=z","stageTimestamp":"T1","user":{"username":"system:serviceaccount:a:b"},"sourceIPs":["10.0.0.9"],"userAgent":"op/1","responseStatus":{"code":200}}
{"verb":"patch","requestURI":"/api/v1/n/xy","user":{"username":"c"},"responseStatus":{"code":200}}
{"verb":"delete","requestURI":"/api/v1/n/x","user":{"username":"d"},"responseStatus":{"code":403}}
torn {"verb":"delete","requestURI":"/api/v1/n/x"`
	if got := Audit([]byte(log), "/api/v1/n/x"); got != "patch of T1 by system:serviceaccount:a:b from 10.0.0.9 with op/1" {
		t.Errorf("%q", got)
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(webhook, 1, 1, "Fail", 1)))
	f.Add([]byte(`{"verb":"patch","requestURI":"/x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		Object(data)
		Audit(data, "/x")
	})
}
