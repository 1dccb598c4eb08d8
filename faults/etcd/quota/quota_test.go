package quota

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const etcd = "/etc/kubernetes/manifests/etcd.yaml"
		f, err := m.ReadFile(etcd)
		if err != nil {
			t.Fatal(err)
		}
		f.Data = []byte(replace(string(f.Data)))
		if err := m.WriteFile(etcd, f); err != nil {
			t.Fatal(err)
		}
	}))
}

func replace(text string) string {
	const at = "    - --snapshot-count=10000\n"
	before, after, _ := strings.Cut(text, at)
	return before + "    - --quota-backend-bytes=8000000\n" + at + after
}

func TestHowNear(t *testing.T) {
	alarm := []snapshot.EtcdAlarm{{Kind: "NOSPACE"}}
	for what, tc := range map[string]struct {
		size, quota int64
		line        int
		alarms      []snapshot.EtcdAlarm
		want        int
	}{
		"room enough":           {100 << 20, 2 << 30, 0, nil, 0},
		"a low quota, far":      {10 << 20, 100 << 20, 7, nil, 0},
		"a low quota, near":     {70 << 20, 100 << 20, 7, nil, 1},
		"etcd's own, half full": {1300 << 20, 2 << 30, 0, nil, 0},
		"etcd's own, near":      {1900 << 20, 2 << 30, 0, nil, 1},
		"full":                  {100 << 20, 100 << 20, 7, nil, 0},
		"an alarm":              {90 << 20, 100 << 20, 7, alarm, 0},
		"no quota known":        {90 << 20, 0, 0, nil, 0},
	} {
		e := &snapshot.Etcd{Quota: tc.quota, QuotaLine: tc.line, QuotaSource: "/m", Alarms: tc.alarms, DBPath: "/db", Status: &snapshot.EtcdStatus{DBSize: tc.size}}
		if got := detect(&snapshot.Snapshot{Etcd: e}); len(got) != tc.want {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

// Free pages count against the quota, and only defragmenting gives them back.
func TestFragmented(t *testing.T) {
	const gib = 1 << 30
	for what, tc := range map[string]struct {
		size, inUse, quota int64
		line               int
		want               string // part of the summary, or of none
	}{
		"near, mostly free":           {1700 << 20, 200 << 20, 2 * gib, 0, "89% of its file are free pages"},
		"near, in use":                {1700 << 20, 1500 << 20, 2 * gib, 0, ""},
		"near, half in use":           {1700 << 20, 850 << 20, 2 * gib, 0, ""},
		"far, mostly free":            {600 << 20, 20 << 20, 2 * gib, 0, ""},
		"a large one, in use":         {7 * gib, 6 * gib, 8 * gib, 9, ""},
		"a large one, mostly free":    {7 * gib, gib, 8 * gib, 9, "free pages"},
		"room, compacted just now":    {3 * gib, 300 << 20, 8 * gib, 9, ""},
		"use is not known":            {1700 << 20, 0, 2 * gib, 0, ""},
		"nearly full, all in use":     {1900 << 20, 1890 << 20, 2 * gib, 0, "refuses all writes when that is full"},
		"nearly full and mostly free": {1900 << 20, 90 << 20, 2 * gib, 0, "free pages"},
		"full":                        {2 * gib, 90 << 20, 2 * gib, 0, ""},
		"no quota":                    {1700 << 20, 20 << 20, 0, 0, ""},
		"a new cluster":               {20 << 10, 8 << 10, 2 * gib, 0, ""},
	} {
		e := &snapshot.Etcd{Reachable: true, Endpoint: "https://127.0.0.1:2379", DBPath: "/db", Quota: tc.quota, QuotaLine: tc.line, QuotaSource: "/m", Status: &snapshot.EtcdStatus{DBSize: tc.size, InUse: tc.inUse}}
		got := detect(&snapshot.Snapshot{Etcd: e})
		if (len(got) > 0) != (tc.want != "") || len(got) > 0 && !strings.HasSuffix(got[0].Summary, tc.want) && !strings.Contains(got[0].Summary, tc.want) {
			t.Errorf("%s: %+v", what, got)
		}
		if tc.want == "refuses all writes when that is full" && strings.Contains(got[0].Summary, "free pages") {
			t.Errorf("%s: %s", what, got[0].Summary)
		}
	}
}

func TestDefragments(t *testing.T) {
	e := &snapshot.Etcd{Reachable: true, Endpoint: "https://127.0.0.1:2379", DBPath: "/db", Quota: 2 << 30, Status: &snapshot.EtcdStatus{Revision: 7, DBSize: 1900 << 20, InUse: 90 << 20}}
	s := &snapshot.Snapshot{Node: "cp1", Etcd: e}
	plan, err := Fault.Plan(s, detect(s)[0])
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, o := range plan {
		kinds = append(kinds, o.Kind())
	}
	if strings.Join(kinds, " ") != "etcd-snapshot etcd-defragment" {
		t.Errorf("plan %v", kinds)
	}
	e.Reachable, e.Offline = false, true
	if plan, err := Fault.Plan(s, detect(s)[0]); err == nil {
		t.Errorf("defragments a member that does not answer: %v", plan)
	}
	e.Reachable, e.Status.InUse = true, 1890<<20
	if plan, err := Fault.Plan(s, detect(s)[0]); err == nil {
		t.Errorf("there is nothing to give back: %v", plan)
	}
}
