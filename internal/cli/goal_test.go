package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

func diagnosed(s *snapshot.Snapshot) *diagnose.Diagnosis {
	return diagnose.Run([]*snapshot.Snapshot{s}, app().Faults)
}

func TestGoal(t *testing.T) {
	before := diagnosed(synced(900))
	g := newGoal(before, "cp1", before.Causes)
	down := synced(3)
	down.Kubelet = &snapshot.Kubelet{Kubeconfig: "/k"}
	unread := synced(3)
	unread.Etcd = nil
	slowRead := synced(3)
	slowRead.Etcd.Latency.LinearizableMs = 3000
	stale := synced(3) // the symptom is still in the log, and the rule has nothing to go by
	stale.Etcd, g.Heals = nil, append(g.Heals, symptom.FixUndone)
	stale.Cgroups = &snapshot.Cgroups{Limits: []snapshot.IOLimit{{Kind: "wbps", Cgroup: "/"}}}
	stale.Persistence = &snapshot.Persistence{Entries: []snapshot.Persistent{{Enabled: true, Source: "/etc/crontab", Command: "echo 1 > io.max"}}}
	for _, tt := range []struct {
		name string
		s    *snapshot.Snapshot
		want repair.Verdict
	}{
		{"well", synced(3), repair.Healed},
		{"still_found", synced(900), repair.Same},
		{"rule_quiet_but_symptom_stays", slowRead, repair.Better},
		{"something_broke", down, repair.Worse},
		{"cannot_be_looked_for", unread, repair.Same},
		{"cannot_be_looked_for_and_the_symptom_stays", stale, repair.Same},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, why := g.judge(diagnosed(tt.s)); got != tt.want {
				t.Errorf("%s (%s), want %s", got, why, tt.want)
			}
		})
	}
}

// A grave symptom that was there before is not this repair's doing.
func TestGoalKnowsWhatWasBefore(t *testing.T) {
	ill := synced(900)
	ill.Kubelet = &snapshot.Kubelet{Kubeconfig: "/k"}
	before := diagnosed(ill)
	g := newGoal(before, "cp1", before.Causes)
	ill = synced(3)
	ill.Kubelet = &snapshot.Kubelet{Kubeconfig: "/k"}
	if got, why := g.judge(diagnosed(ill)); got != repair.Healed {
		t.Errorf("%s: %s", got, why)
	}
	if len(g.Heals) != 1 || g.Heals[0] != symptom.EtcdSlow {
		t.Errorf("heals %v", g.Heals)
	}
}

// A grave symptom to which the fault leads may come a moment after its repair.
func TestGoalKnowsWhatIsLate(t *testing.T) {
	before := diagnosed(synced(900))
	g := newGoal(before, "cp1", before.Causes)
	down := synced(3)
	down.Kubelet = &snapshot.Kubelet{Kubeconfig: "/k"}
	for _, late := range [][]symptom.ID{g.Late, append(g.Late, symptom.KubeletDown)} {
		g.Late = late
		want := map[bool]repair.Verdict{true: repair.Late, false: repair.Worse}[len(late) > 1]
		if got, why := g.judge(diagnosed(down)); got != want {
			t.Errorf("late %v: %s: %s", late, got, why)
		}
	}
}

// A scripted node answers as an agent would.
type scripted struct{ out string }

func (scripted) Spec() string { return "docker://x" }

func (s scripted) Run(_ context.Context, st transport.Streams, _ ...string) error {
	_, err := st.Out.Write([]byte(s.out))
	return err
}

func TestAgentsErrorsKeepTheirName(t *testing.T) {
	for _, is := range []error{op.ErrChanged, repair.ErrBusy, repair.ErrNothing} {
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(answer{Error: newFailure(hint(fmt.Errorf("cannot do it: %w", is), "try"))}); err != nil {
			t.Fatal(err)
		}
		_, err := there{scripted{b.String()}}.history(context.Background())
		var h *hinted
		if !errors.Is(err, is) || !errors.As(err, &h) || h.hint != "try" {
			t.Errorf("%v: got %v", is, err)
		}
	}
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(answer{Error: newFailure(&repair.RiskError{Risks: []op.Risk{op.EtcdMaintenance}})})
	var risk *repair.RiskError
	if _, err := (there{scripted{b.String()}}).history(context.Background()); !errors.As(err, &risk) || len(risk.Risks) != 1 {
		t.Errorf("%v", err)
	}
}

func TestAgentsAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, out string
		number    int
		steps     int
		fails     bool
	}{
		{"steps_and_result", `{"step":{"state":"will","line":"a"}}` + "\n" + `{"step":{"state":"did","line":"a"}}` + "\n" + `{"result":{"number":4,"kept":true}}` + "\n", 4, 2, false},
		{"result_and_error", `{"result":{"number":5},"error":{"message":"no"}}`, 5, 0, true},
		{"cut_short", `{"step":{"state":"will","line":"a"}}`, 0, 1, true},
		{"nothing", ``, 0, 0, true},
		{"garbage", `sh: not found`, 0, 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			steps := 0
			res, err := there{scripted{tt.out}}.apply(context.Background(), order{}, func(step) { steps++ })
			if res.Number != tt.number || steps != tt.steps || (err != nil) != tt.fails {
				t.Errorf("%+v, %d steps, %v", res, steps, err)
			}
		})
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"step":{"state":"will"}}{"result":{},"error":{"kind":"risk"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var res repair.Result
		failed, answered, err := readAnswers(bytes.NewReader(data), &res, func(step) {})
		if !answered && err == nil && failed == nil {
			t.Error("no answer and no error")
		}
	})
}
