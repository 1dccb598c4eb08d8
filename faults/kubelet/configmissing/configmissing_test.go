package configmissing

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestWhatMustBeThere(t *testing.T) {
	set := func(source string, absent ...string) snapshot.Kubelet {
		k := snapshot.Kubelet{Effective: map[string]snapshot.Effective{}, Absent: map[string]string{}}
		for _, key := range absent {
			k.Effective[key] = snapshot.Effective{Origin: snapshot.Origin{Value: "/x/" + key, Source: source, Line: 1}}
			k.Absent[key] = "/x/" + key
		}
		return k
	}
	well := set("/e", "--config")
	well.Running, well.Healthz = true, "ok"
	next := well
	next.Start = &snapshot.Start{Differs: []snapshot.StartChange{{Key: "--config"}}}
	unit := snapshot.Kubelet{Start: &snapshot.Start{Required: []string{"/etc/kubelet.env"}, Missing: []string{"/etc/kubelet.env", "/etc/default/kubelet"}}}
	for name, tc := range map[string]struct {
		k    snapshot.Kubelet
		want int
	}{
		"all there":                         {snapshot.Kubelet{}, 0},
		"the configuration":                 {set("/e", "--config"), 1},
		"the authority":                     {set("/c", "authentication.x509.clientCAFile"), 1},
		"no bootstrap any more":             {set("/e", "--bootstrap-kubeconfig"), 0},
		"no folder of static pods":          {set("/c", "staticPodPath"), 0},
		"no serving pair yet":               {set("/c", "tlsCertFile", "tlsPrivateKeyFile"), 0},
		"half a serving pair":               {set("/c", "tlsPrivateKeyFile"), 1},
		"a default":                         {set("default", "--image-credential-provider-bin-dir"), 0},
		"it runs, and took what was there":  {well, 0},
		"it runs, and next looks elsewhere": {next, 1},
		"an environment file":               {unit, 1},
		"an optional one":                   {snapshot.Kubelet{Start: &snapshot.Start{Missing: []string{"/etc/default/kubelet"}}}, 0},
	} {
		if got := detect(&snapshot.Snapshot{Kubelet: &tc.k}); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
