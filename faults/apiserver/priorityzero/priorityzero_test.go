package priorityzero

import (
	"encoding/json"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Objects["/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/jail"] = json.RawMessage(
			`{"apiVersion":"flowcontrol.apiserver.k8s.io/v1","kind":"PriorityLevelConfiguration","metadata":{"name":"jail"},"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":0,"borrowingLimitPercent":0,"limitResponse":{"type":"Reject"}}}}`)
		m.World.Objects["/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/nodes"] = json.RawMessage(
			`{"apiVersion":"flowcontrol.apiserver.k8s.io/v1","kind":"FlowSchema","metadata":{"name":"nodes"},"spec":{"matchingPrecedence":50,"priorityLevelConfiguration":{"name":"jail"},"rules":[{"subjects":[{"kind":"Group","group":{"name":"system:nodes"}}],"resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]}]}}`)
	}))
}

func TestDetect(t *testing.T) {
	none := int64(0)
	for _, tt := range []struct {
		name  string
		level snapshot.PriorityLevel
		flow  snapshot.FlowSchema
		want  int
	}{
		{"a share", snapshot.PriorityLevel{Name: "x", Type: "Limited", Shares: 5}, snapshot.FlowSchema{Subjects: []string{"Group:system:nodes"}}, 0},
		{"exempt", snapshot.PriorityLevel{Name: "x", Type: "Exempt"}, snapshot.FlowSchema{Subjects: []string{"Group:system:nodes"}}, 0},
		{"none, and none to borrow", snapshot.PriorityLevel{Name: "x", Type: "Limited", Borrow: &none}, snapshot.FlowSchema{Subjects: []string{"Group:system:nodes"}}, 1},
		{"none, but it may borrow", snapshot.PriorityLevel{Name: "x", Type: "Limited"}, snapshot.FlowSchema{Subjects: []string{"Group:system:nodes"}}, 0},
		{"the system's own", snapshot.PriorityLevel{Name: "system", Type: "Limited"}, snapshot.FlowSchema{Subjects: []string{"Group:system:nodes"}}, 1},
		{"a jail for a user", snapshot.PriorityLevel{Name: "x", Type: "Limited", Borrow: &none}, snapshot.FlowSchema{Subjects: []string{"User:bob", "ServiceAccount:apps/noisy"}}, 0},
		{"after one that takes all", snapshot.PriorityLevel{Name: "x", Type: "Limited", Borrow: &none}, snapshot.FlowSchema{Subjects: []string{"Group:system:nodes"}, Precedence: 9999}, 0},
	} {
		tt.flow.Level, tt.flow.Name = tt.level.Name, "f"
		all := snapshot.FlowSchema{Name: "global-default", Level: "global-default", Precedence: 9900, Subjects: []string{"Group:system:authenticated"}, Rules: []string{"* on */*"}}
		s := &snapshot.Snapshot{Cluster: &snapshot.Cluster{PriorityLevels: []snapshot.PriorityLevel{tt.level}, FlowSchemas: []snapshot.FlowSchema{tt.flow, all}}}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}
