package manifesturl

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		f, err := m.ReadFile("/var/lib/kubelet/config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		f.Data = append(f.Data, "staticPodURL: http://10.0.0.9/pods.yaml\n"...)
		if err := m.WriteFile("/var/lib/kubelet/config.yaml", f); err != nil {
			t.Fatal(err)
		}
	}))
}

// set is a kubelet with settings, each KEY, VALUE, SOURCE.
func set(words ...string) *snapshot.Kubelet {
	k := &snapshot.Kubelet{Version: "v1.37.2", ConfigPath: "/c", Effective: map[string]snapshot.Effective{}}
	for i := 0; i+2 < len(words); i += 3 {
		k.Effective[words[i]] = snapshot.Effective{Origin: snapshot.Origin{Value: words[i+1], Source: words[i+2], Line: i + 1}}
	}
	return k
}

func with(k *snapshot.Kubelet, url string) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Static: &snapshot.Static{URL: url}}
}

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"a folder alone":  {with(set(), ""), 0},
		"empty by a file": {with(set(key, "", "/c"), ""), 0},
		"a URL":           {with(set(key, "http://10.0.0.9/pods", "/c"), "http://10.0.0.9/pods"), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
