package witness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/transport"
)

// testObjects compares what klustered get shows of every kind, read from etcd
// and from its data file, with what kubectl shows.
func testObjects(ctx context.Context, t *testing.T, n Node) {
	if n.Snapshot.Etcd == nil || n.Snapshot.Etcd.DataDir == "" {
		t.Skip("no member of etcd")
	}
	const kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf "
	kinds, err := n.Lines(ctx, kubectl+"api-resources --verbs=list -o name | grep -v -e ^componentstatuses$ -e ^events.events")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		for _, from := range []string{"etcd", "file"} {
			var want struct{ Items []any }
			if err := n.JSON(ctx, kubectl+"get -A --show-managed-fields -o json "+kind, &want); err != nil {
				t.Fatal(err)
			}
			got, err := getObjects(ctx, n, kind, from)
			if err != nil {
				t.Fatal(err)
			}
			compareObjects(t, kind+" from "+from, byName(got), byName(want.Items))
		}
	}
}

func getObjects(ctx context.Context, n Node, kind, from string) ([]any, error) {
	reached, err := transport.Open(ctx, n.Spec(), binary)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = reached.Run(ctx, transport.Streams{Out: &out}, "agent", "get", kind, "-A", "-o", "json", "--show-secrets", "--show-managed-fields", "--source", from)
	if err != nil {
		return nil, err
	}
	var list struct{ Items []any }
	return list.Items, json.Unmarshal(out.Bytes(), &list)
}

func byName(items []any) map[string]any {
	out := map[string]any{}
	for _, x := range items {
		m := x.(map[string]any)["metadata"].(map[string]any)
		out[fmt.Sprint(m["namespace"], "/", m["name"])] = x
	}
	return out
}

// compareObjects compares field by field. An object that was written between
// the two looks is left out, as is the version under which a kind is stored.
func compareObjects(t *testing.T, what string, got, want map[string]any) {
	t.Helper()
	moving := strings.HasPrefix(what, "events") || strings.HasPrefix(what, "leases")
	for name, w := range want {
		g, ok := got[name]
		switch {
		case !ok && !moving:
			t.Errorf("%s: %s is shown by kubectl and not by klustered", what, name)
		case !ok || revision(g) != revision(w):
			continue
		}
		g.(map[string]any)["apiVersion"] = w.(map[string]any)["apiVersion"]
		a, errA := json.Marshal(g)
		b, errB := json.Marshal(w)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %s:\ngot  %s\nwant %s", what, name, a, b)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok && !moving {
			t.Errorf("%s: %s is shown by klustered and not by kubectl", what, name)
		}
	}
}

func revision(x any) any { return x.(map[string]any)["metadata"].(map[string]any)["resourceVersion"] }
