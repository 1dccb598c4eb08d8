package limits

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3)) }

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet) *snapshot.Snapshot { return &snapshot.Snapshot{Kubelet: k} }

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"defaults":              {with(set("nodeLeaseDurationSeconds", "40", "default", "runtimeRequestTimeout", "2m0s", "default", "nodeStatusUpdateFrequency", "10s", "default")), 0},
		"slow, and slow enough": {with(set("nodeLeaseDurationSeconds", "120", "/c", "runtimeRequestTimeout", "15m0s", "/c", "nodeStatusUpdateFrequency", "1m0s", "/c")), 0},
		"not set":               {with(set("runtimeRequestTimeout", "0s", "/c")), 0},
		"taken for dead":        {with(set("nodeLeaseDurationSeconds", "600", "/c")), 1},
		"gives up at once":      {with(set("runtimeRequestTimeout", "200ms", "/c")), 1},
		"two in two files":      {with(set("nodeLeaseDurationSeconds", "600", "/c", "runtimeRequestTimeout", "200ms", "/d")), 2},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
