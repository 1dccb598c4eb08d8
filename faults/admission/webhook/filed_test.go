package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const hook = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: guard.static.k8s.io\nwebhooks:\n- name: \"guard.example.com\"\n  failurePolicy: Fail\n"

// A webhook of a file is found by what the API server says of it.
func TestFiled(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tt := range map[string]struct {
		file, webhook, mode string
		change              func(*snapshot.Snapshot)
		want                int
		fixed               string // what the file says then, "" where it is for a person
	}{
		"it has to agree":    {hook, "guard.example.com", "", nil, 1, strings.Replace(hook, "Fail", "Ignore", 1)},
		"it may be left out": {hook, "guard.example.com", "open", nil, 0, ""},
		"in no file":         {hook, "other.example.com", "", nil, 0, ""},
		"of the API": {hook, "guard.example.com", "", func(s *snapshot.Snapshot) {
			s.Cluster.Webhooks = []snapshot.Webhook{{Name: "guard.example.com", Failure: "Fail"}}
		}, 0, ""},
		"long ago":            {hook, "guard.example.com", "", func(s *snapshot.Snapshot) { s.Logs.Observations[0].Last = now.Add(-time.Hour) }, 0, ""},
		"nothing of its kind": {strings.Replace(hook, "  failurePolicy: Fail\n", "", 1), "guard.example.com", "", nil, 1, ""},
		"two of them":         {hook + "- name: b\n  failurePolicy: Fail\n", "guard.example.com", "", nil, 1, ""},
		"in one line":         {strings.Replace(hook, "- name: \"guard.example.com\"\n  failurePolicy", "- name: guard.example.com\n  x: {failurePolicy", 1), "guard.example.com", "", nil, 1, ""},
	} {
		sum := sha256.Sum256([]byte(tt.file))
		s := &snapshot.Snapshot{At: now, Cluster: &snapshot.Cluster{},
			Logs:   &snapshot.Logs{Observations: []snapshot.Observation{{ID: failed, Last: now, Params: map[string]string{"webhook": tt.webhook, "mode": tt.mode, "error": "connection refused"}}}},
			Static: &snapshot.Static{Admission: []snapshot.Text{{Path: "/etc/adm/a.yaml", Content: tt.file, SHA256: hex.EncodeToString(sum[:])}}}}
		if tt.change != nil {
			tt.change(s)
		}
		if len(s.Cluster.Webhooks) > 0 { // it has its own way to be found
			if got := filed(s); len(got) != 0 {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		got := detect(s)
		if len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if len(got) == 0 {
			continue
		}
		plan, err := Fault.Remedy(s, got[0])
		if err == nil != (tt.fixed != "") || err == nil && string(plan[0].(op.WriteFile).Data) != tt.fixed {
			t.Errorf("%s: %v, %v", name, plan, err)
		}
	}
}
