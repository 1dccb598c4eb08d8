package swap

import (
	"bytes"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		m.World.Host.Swaps = []snapshot.Swap{{Path: "/swapfile", Type: "file", Size: 1 << 30}}
		f, err := m.ReadFile("/var/lib/kubelet/config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		f.Data = bytes.Replace(f.Data, []byte("failSwapOn: false"), []byte("failSwapOn: true"), 1)
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

func with(k *snapshot.Kubelet, swaps int) *snapshot.Snapshot {
	return &snapshot.Snapshot{Kubelet: k, Host: &snapshot.Host{Swaps: make([]snapshot.Swap, swaps)}}
}

func well(k *snapshot.Kubelet) *snapshot.Kubelet { k.Healthz = "ok"; return k }

func TestWhoIsAccused(t *testing.T) {
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want int
	}{
		"no swap":                 {with(set("failSwapOn", "true", "/c"), 0), 0},
		"swap that it is to bear": {with(set("failSwapOn", "false", "/c"), 1), 0},
		"it is well beside swap":  {with(well(set("failSwapOn", "true", "default")), 1), 0},
		"not told":                {with(set(), 1), 0},
		"swap":                    {with(set("failSwapOn", "true", "/c"), 1), 1},
		"swap by default":         {with(set("failSwapOn", "true", "default"), 1), 1},
	} {
		if got := detect(tc.s); len(got) != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhoSwitchesItOn(t *testing.T) {
	s := with(set("failSwapOn", "true", "default"), 1)
	s.Persistence = &snapshot.Persistence{Entries: []snapshot.Persistent{
		{Kind: "cron", Source: "/etc/cron.d/mem", Line: 2, Command: "swapon -a", Text: "@reboot root swapon -a", Enabled: true},
		{Kind: "cron", Source: "/etc/cron.d/other", Line: 2, Command: "free -m", Enabled: true},
	}}
	f := detect(s)[0]
	if last := f.Facts[len(f.Facts)-1]; last.Source != "/etc/cron.d/mem" || last.Got != "@reboot root swapon -a" {
		t.Errorf("%+v", f.Facts)
	}
}
