package bootstrap

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1)) }

func TestWhoCannotJoin(t *testing.T) {
	k := func(absent ...string) *snapshot.Kubelet {
		x := &snapshot.Kubelet{Effective: map[string]snapshot.Effective{}, Absent: map[string]string{}}
		for _, key := range []string{"--kubeconfig", "--bootstrap-kubeconfig"} {
			x.Effective[key] = snapshot.Effective{Origin: snapshot.Origin{Value: "/x/" + key, Source: "/u", Line: 1}}
		}
		for _, key := range absent {
			x.Absent[key] = "/x/" + key
		}
		return x
	}
	refused := &snapshot.Logs{Observations: []snapshot.Observation{{ID: "unauthorized", Source: "journal:kubelet.service", Sample: "Unauthorized"}}}
	up := k("--kubeconfig", "--bootstrap-kubeconfig")
	up.Healthz = "ok"
	for name, tc := range map[string]struct {
		k    *snapshot.Kubelet
		logs *snapshot.Logs
		want int
	}{
		"joined long ago":     {k("--bootstrap-kubeconfig"), nil, 0},
		"joins just now":      {k("--kubeconfig"), nil, 0},
		"is refused":          {k("--kubeconfig"), refused, 1},
		"nothing at all":      {k("--kubeconfig", "--bootstrap-kubeconfig"), nil, 1},
		"runs without a node": {up, nil, 0},
	} {
		if got := detect(&snapshot.Snapshot{Kubelet: tc.k, Logs: tc.logs}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
