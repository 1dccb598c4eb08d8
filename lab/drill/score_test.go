package drill

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/op"
)

func TestPoints(t *testing.T) {
	par := 10 * time.Minute
	for _, tt := range []struct {
		name string
		sc   Score
		want int
	}{
		{"at_par_without_help", Score{Took: par}, 100},
		{"two_hints", Score{Took: time.Minute, Hints: 2}, 80},
		{"one_harm", Score{Took: time.Minute, Harm: []string{"x is gone"}}, 85},
		{"a_minute_late", Score{Took: par + time.Minute}, 97},
		{"lateness_is_bounded", Score{Took: 40 * par}, 70},
		{"never_below_zero", Score{Took: 40 * par, Hints: 5, Harm: []string{"a", "b", "c"}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := points(tt.sc, par); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}

func TestTouchedNamesWhatFingerprintsName(t *testing.T) {
	s := &Session{Node: "w1", Plan: op.Plan{
		op.WriteFile{Path: "/etc/cni/net.d/x"},
		op.CreateObject{Path: "/x", Body: []byte(`{"kind":"ClusterRoleBinding","metadata":{"name":"b"}}`)},
	}}
	got := touched(s)
	key, _, err := object(map[string]any{"kind": "ClusterRoleBinding", "metadata": map[string]any{"name": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{fileKey("w1", "/etc/cni/net.d/x"), key} {
		if !slices.Contains(got, want) {
			t.Errorf("touched %v has no %q", got, want)
		}
	}
}

func TestObjectHashIgnoresWhatTheServerSets(t *testing.T) {
	make := func(version string, replicas int) map[string]any {
		return map[string]any{"kind": "Deployment", "spec": map[string]any{"replicas": replicas},
			"status":   map[string]any{"ready": version},
			"metadata": map[string]any{"namespace": "n", "name": "d", "resourceVersion": version}}
	}
	_, a, _ := object(make("1", 2))
	_, b, _ := object(make("2", 2))
	_, c, _ := object(make("2", 0))
	if a != b {
		t.Error("another resourceVersion and status changed the hash")
	}
	if a == c {
		t.Error("scaling to zero did not change the hash")
	}
}

func TestFind(t *testing.T) {
	if _, err := Find("no-such-drill"); err == nil {
		t.Error("an unknown drill was found")
	}
	for _, d := range Drills {
		if got, err := Find(d.Name); err != nil || got.Name != d.Name {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

func TestFaultAloneKeepsItsDrill(t *testing.T) {
	d, err := Find("etcd/nospace")
	if err != nil || d.Name != "etcd/nospace" || len(d.Faults) != 1 || d.Taken == nil || d.Harden == "" {
		t.Errorf("got %+v, %v", d, err)
	}
	if whole, err := Find("etcd-full"); err != nil || whole.Name != "etcd-full" {
		t.Errorf("the drill itself was changed: %+v, %v", whole, err)
	}
	if d, err := Find("kubelet/stopped"); err != nil || len(d.Faults) != 1 {
		t.Errorf("got %+v, %v", d, err)
	}
}

func TestStartRefusesASecondDrill(t *testing.T) {
	r := &Room{Lab: "l", Dir: t.TempDir()}
	if err := r.save(&Session{Lab: "l", Drill: "packets-die"}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Start(t.Context(), &Drills[0], 1, nil); !errors.Is(err, ErrInProgress) {
		t.Errorf("got %v, want %v", err, ErrInProgress)
	}
	if err := r.Forget(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Load(); !errors.Is(err, ErrNone) {
		t.Errorf("a forgotten drill is still there: %v", err)
	}
}

func TestSigns(t *testing.T) {
	for id, want := range map[string]string{"etcd/nospace": "etcd has raised NOSPACE", "access/execcredential": "", "none/such": ""} {
		signs := Signs(id, &node.Node{Name: "cp1"})
		if want == "" && len(signs) > 0 || want != "" && (len(signs) != 1 || signs[0].Name != want) {
			t.Errorf("%s: %+v", id, signs)
		}
	}
}
