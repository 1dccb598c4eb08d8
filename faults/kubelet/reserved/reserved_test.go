package reserved

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4)) }

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Host: &snapshot.Host{CPUs: 2, MemTotal: 4 << 30, MemFree: 3 << 30}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"nothing":                       {with(set()), 0},
		"a usual part":                  {with(set("systemReserved.memory", "1Gi", "/c", "kubeReserved.memory", "1Gi", "/c", "kubeReserved.cpu", "200m", "/c")), 0},
		"usual thresholds":              {with(set("evictionHard.memory.available", "500Mi", "/c", "evictionHard.nodefs.available", "10%", "/c", "evictionHard.imagefs.available", "15%", "/c")), 0},
		"high thresholds":               {with(set("evictionHard.memory.available", "25%", "/c", "evictionSoft.nodefs.available", "40%", "/c")), 0},
		"an amount of a disk":           {with(set("evictionHard.nodefs.available", "20Gi", "/c")), 0},
		"more than there is":            {with(set("systemReserved.memory", "8Gi", "/c")), 1},
		"all together":                  {with(set("systemReserved.memory", "2Gi", "/c", "kubeReserved.memory", "2Gi", "/c")), 1},
		"all CPUs":                      {with(set("kubeReserved.cpu", "2", "/c")), 1},
		"evicts at once":                {with(set("evictionHard.memory.available", "3Gi", "/c")), 1},
		"a disk that is never so empty": {with(set("evictionHard.nodefs.available", "90%", "/c")), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
