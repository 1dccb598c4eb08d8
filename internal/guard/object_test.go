package guard

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const webhook = `{"kind":"ValidatingWebhookConfiguration","metadata":{"name":"w","resourceVersion":"%d","generation":%d,
 "annotations":{"kubectl.kubernetes.io/last-applied-configuration":"%[1]d"},"managedFields":[
 {"manager":"kubectl-create","operation":"Update","time":"2026-01-01T00:00:00Z"},
 {"manager":"evil-operator","operation":"Apply","time":"%[5]s"},
 {"manager":"kubelet","operation":"Update","subresource":"status","time":"2999-01-03T00:00:00Z"}]},
 "webhooks":[{"failurePolicy":"%[3]s"}],"status":{"x":%[4]d}}`

// TestObject: a change of what is meant is a deed of its last manager, where
// that wrote since the look before; one of the version or the status is none.
func TestObject(t *testing.T) {
	w := &Watch{raw: make(chan Deed, 8)}
	answer, status := "", http.StatusOK
	w.opts.API = func(_ context.Context, method, path, _ string, _ []byte) (int, []byte, error) {
		if method != http.MethodGet || path != "/apis/x/w" {
			t.Errorf("%s %s", method, path)
		}
		return status, []byte(answer), nil
	}
	known := map[string]objectLook{}
	look := func() *Deed {
		w.object(t.Context(), Target{Kind: "object", Name: "/apis/x/w", Repair: 3}, known)
		select {
		case d := <-w.raw:
			return &d
		default:
			return nil
		}
	}
	const before = "2026-01-02T00:00:00Z"
	now := time.Now().UTC().Format(time.RFC3339)
	answer = fmt.Sprintf(webhook, 1, 1, "Ignore", 1, before)
	if d := look(); d != nil {
		t.Errorf("first: %v", d)
	}
	answer = fmt.Sprintf(webhook, 2, 2, "Ignore", 2, before)
	if d := look(); d != nil {
		t.Errorf("a new status: %v", d)
	}
	answer = fmt.Sprintf(webhook, 3, 3, "Fail", 2, now)
	if d := look(); d == nil || !d.Hand.Known || !strings.HasPrefix(d.Hand.Manager, "evil-operator, by Apply at "+now) || !strings.Contains(d.Diff, `+      "failurePolicy": "Fail"`) || d.Repair != 3 {
		t.Errorf("%+v", d)
	}
	answer = fmt.Sprintf(webhook, 4, 4, "Ignore", 2, before)
	if d := look(); d == nil || d.Hand.Known || d.Hand.Manager != "" || !strings.Contains(d.Hand.Note, "evil-operator") {
		t.Errorf("a manager of before is named: %+v", d)
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

// TestClient: a process of the name that the client gives itself is one perhaps,
// with what it descends from.
func TestClient(t *testing.T) {
	w := &Watch{ring: proc.NewRing("")}
	c := exec.Command("/bin/sh", "-c", "read x; true")
	c.Args[0] = "/opt/evil-operator-that-has-a-long-name"
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer in.Close()
	time.Sleep(100 * time.Millisecond)
	w.ring.Exec(c.Process.Pid, "")
	h := w.client(Hand{Process: nobody(0), Known: true, Manager: "evil-operator-that-has-a-long-name, by Update at T"}, time.Now())
	if len(h.Candidates) != 1 || h.Candidates[0].PID != c.Process.Pid || len(h.Lineage) == 0 || h.PID != 0 {
		t.Errorf("%+v", h)
	}
	if h := w.client(Hand{Manager: "another, by Update at T"}, time.Now()); len(h.Candidates) != 0 {
		t.Errorf("%+v", h)
	}
	s := &snapshot.Snapshot{Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Kind: "service", Source: "/etc/systemd/system/o.service", Command: strings.Join(h.Candidates[0].Args, " ")}}}}
	if e := Entries(s, nil, Deed{Kind: "object", Hand: h}); len(e) != 1 || e[0].Sure {
		t.Errorf("%+v", e)
	}
}

func TestAudit(t *testing.T) {
	log := `{"verb":"get","requestURI":"/api/v1/n/x","stageTimestamp":"2026-01-02T00:00:03.000000Z","user":{"username":"a"}}
{"verb":"patch","requestURI":"/api/v1/n/x?fieldManager=z","stageTimestamp":"2026-01-02T00:00:01.500000Z","user":{"username":"system:serviceaccount:a:b"},"sourceIPs":["10.0.0.9"],"userAgent":"op/1","responseStatus":{"code":200}}
{"verb":"patch","requestURI":"/api/v1/n/xy","stageTimestamp":"2026-01-02T00:00:03.000000Z","user":{"username":"c"},"responseStatus":{"code":200}}
{"verb":"delete","requestURI":"/api/v1/n/x","stageTimestamp":"2026-01-02T00:00:03.000000Z","user":{"username":"d"},"responseStatus":{"code":403}}
torn {"verb":"delete","requestURI":"/api/v1/n/x"`
	at := func(text string) time.Time {
		x, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	if got := Audit([]byte(log), "/api/v1/n/x", at("2026-01-02T00:00:01Z")); got != "patch of 2026-01-02T00:00:01.500000Z by system:serviceaccount:a:b from 10.0.0.9 with op/1" {
		t.Errorf("%q", got)
	}
	if got := Audit([]byte(log), "/api/v1/n/x", at("2026-01-02T00:00:02Z")); got != "" {
		t.Errorf("one of before: %q", got)
	}
}

// TestSecretObject: no value of a Secret stands in its text, in whichever field.
func TestSecretObject(t *testing.T) {
	object, _, err := Object([]byte(`{"kind":"Secret","metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"a\":\"aHVudGVyMmh1bnRlcjI=\"}}"}},"data":{"a":"aHVudGVyMmh1bnRlcjI="},"stringData":{"b":"hunter2hunter2"}}`))
	text := objectText(object)
	if err != nil || strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVy") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestObjectPart: what no repair changed of an object is nobody's deed, and what
// is again as it was undoes it.
func TestObjectPart(t *testing.T) {
	const before = `{"kind":"Deployment","metadata":{"annotations":{"deployment.kubernetes.io/revision":"%d"}},"spec":{"replicas":%d,"template":{"spec":{"containers":[{"name":"a","image":"%s"},{"name":"b","image":"b:1"}]}}}}`
	repaired := Repaired([]repair.Remain{
		{Number: 1, Op: op.SetField{Path: "/d", Field: []string{"spec", "template", "spec", "containers", "name=a", "image"}}, Before: op.State(`{"value":"bad:1"}`)},
		{Number: 2, Op: op.PatchObject{Path: "/d", Patch: json.RawMessage(`{"spec":{"replicas":2,"paused":null}}`)}, Before: op.State(`{"spec":{"replicas":0,"paused":null}}`)},
		{Number: 3, Op: op.DeleteObject{Path: "/gone"}},
		{Number: 4, Op: op.PatchObject{Path: "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x", Patch: json.RawMessage(`{}`)}},
	})
	if len(repaired) != 3 {
		t.Fatalf("%+v", repaired)
	}
	w := &Watch{raw: make(chan Deed, 8)}
	answers := map[string]string{}
	w.opts.API = func(_ context.Context, _, path, _ string, _ []byte) (int, []byte, error) {
		if answers[path] == "" {
			return http.StatusNotFound, nil, nil
		}
		return http.StatusOK, []byte(answers[path]), nil
	}
	known := map[string]objectLook{}
	for _, c := range []struct {
		name, d, gone, want string
	}{
		{"first", fmt.Sprintf(before, 1, 2, "good:1"), "", ""},
		{"another field", fmt.Sprintf(strings.Replace(before, "b:1", "b:2", 1), 2, 2, "good:1"), "", ""},
		{"another image", fmt.Sprintf(before, 3, 2, "other:1"), "", "1 changed false"},
		{"the image of before", fmt.Sprintf(before, 4, 2, "bad:1"), "", "1 changed true"},
		{"the number of before", fmt.Sprintf(before, 4, 0, "bad:1"), "", "2 changed true"},
		{"made again", fmt.Sprintf(before, 4, 0, "bad:1"), `{"kind":"X"}`, "3 made true"},
		{"removed", "", `{"kind":"X"}`, "1 removed false, 2 removed false"},
	} {
		answers["/d"], answers["/gone"] = c.d, c.gone
		var got []string
		for _, x := range repaired {
			w.object(t.Context(), x, known)
		}
		for len(w.raw) > 0 {
			d := <-w.raw
			got = append(got, fmt.Sprintf("%d %s %v", d.Repair, d.Did, d.PutBack))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func FuzzObject(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(webhook, 1, 1, "Fail", 1, "2026-01-02T00:00:00Z")))
	f.Add([]byte(`{"verb":"patch","requestURI":"/x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if x, _, err := Object(data); err == nil {
			Target{Part: `["a","b=c","0"]`}.part(x)
			Target{Part: string(data), Was: string(data)}.back(Target{Part: string(data)}.part(x))
		}
		Audit(data, "/x", time.Time{})
	})
}
