package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/klustered/klustered/internal/guard"
	"github.com/klustered/klustered/internal/guard/proc"
	"github.com/klustered/klustered/snapshot"
)

// A look apart is what the other process says, and none where it fails, says
// nothing, or says what is not understood.
func TestLookElsewhere(t *testing.T) {
	said, err := json.Marshal(looked{Snapshot: &snapshot.Snapshot{
		Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Kind: "cron", Source: "/etc/cron.d/x", Line: 3}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		script string
		ok     bool
	}{
		"it says":    {"[ \"$*\" = 'agent hands' ] && echo '" + string(said) + "'", true},
		"it fails":   {"exit 1", false},
		"nothing":    {"echo '{}'", false},
		"not a look": {"echo Usage:", false},
	} {
		self := filepath.Join(t.TempDir(), "self")
		if err := os.WriteFile(self, []byte("#!/bin/sh\n"+c.script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		x, err := (&App{Self: self}).lookElsewhere(t.Context())
		if (err == nil) != c.ok {
			t.Errorf("%s: error %v", name, err)
			continue
		}
		if c.ok && (len(x.Snapshot.Persistence.Entries) != 1 || x.Snapshot.Persistence.Entries[0].Line != 3) {
			t.Errorf("%s: %+v", name, x)
		}
	}
	if _, err := new(App).lookElsewhere(t.Context()); err == nil {
		t.Error("one that is no program of its own looks apart")
	}
}

// What the agent says of this node is a look.
func TestAgentHands(t *testing.T) {
	var out bytes.Buffer
	a := &App{Out: &out}
	c := a.agentHands()
	c.SetArgs(nil)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	var x looked
	if err := json.Unmarshal(out.Bytes(), &x); err != nil || x.Snapshot == nil || x.Snapshot.Persistence == nil || x.Snapshot.Node == "" {
		t.Errorf("%v: %.200s", err, out.Bytes())
	}
}

// What is handed to a watch names a pod's maker as all that was read does.
func TestHanded(t *testing.T) {
	s := &snapshot.Snapshot{
		Node: "n", Persistence: &snapshot.Persistence{},
		Static:  &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/etc/kubernetes/manifests/k.yaml"}, Namespace: "kube-system", Name: "keeper"}}},
		Cluster: &snapshot.Cluster{Pods: []snapshot.Pod{{Namespace: "ops", Name: "op-1", Owner: "Deployment op"}}},
	}
	data, err := json.Marshal(looked{Snapshot: handed(s)})
	var x looked
	if err == nil {
		err = json.Unmarshal(data, &x)
	}
	if err != nil {
		t.Fatal(err)
	}
	for pod, want := range map[string]string{"kube-system/keeper-n": "/etc/kubernetes/manifests/k.yaml", "ops/op-1": "ops/op-1"} {
		d := guard.Deed{Hand: guard.Hand{Known: true, Process: proc.Process{Pod: pod}}}
		all, got := guard.Entries(s, nil, d), guard.Entries(x.Snapshot, nil, d)
		if len(all) != 1 || all[0].Source != want || !reflect.DeepEqual(got, all) {
			t.Errorf("%s: %+v, want %+v", pod, got, all)
		}
	}
}
