package podpids

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const conf = "/var/lib/kubelet/config.yaml"
		f, err := m.ReadFile(conf)
		if err != nil {
			t.Fatal(err)
		}
		f.Data = append(f.Data, "podPidsLimit: 8\n"...)
		if err := m.WriteFile(conf, f); err != nil {
			t.Fatal(err)
		}
		for i := range m.World.Processes.List {
			if p := &m.World.Processes.List[i]; p.Container != "" {
				p.Pod = "pod-of-" + p.Name
			}
		}
	}))
}

func TestDetect(t *testing.T) {
	type pods map[string][]int
	group := func(kind string, most, refused uint64) *snapshot.Cgroups {
		return &snapshot.Cgroups{Controls: []snapshot.Control{{Path: "/kubepods/podx", Kind: kind, Pids: &snapshot.PidsControl{Max: &most, Current: most, Refused: refused}}}}
	}
	busy := pods{"a": {12}, "b": {5, 6}, "c": {3}}
	for name, tt := range map[string]struct {
		value, source string
		pods          pods
		groups        *snapshot.Cgroups
		want          int
	}{
		"no limit":                          {"-1", "default", busy, nil, 0},
		"none by a file":                    {"-1", "/c", busy, nil, 0},
		"none of zero":                      {"0", "/c", busy, nil, 0},
		"a usual one":                       {"4096", "/c", busy, nil, 0},
		"one that is low and enough":        {"20", "/c", busy, nil, 0},
		"one that one pod is above":         {"11", "/c", pods{"a": {12}, "b": {5}, "c": {3}}, nil, 0},
		"one that most are above":           {"8", "/c", busy, nil, 1},
		"threads of one pod add up":         {"10", "/c", pods{"b": {5, 6}}, nil, 1},
		"nothing is known of pods":          {"2", "/c", nil, nil, 0},
		"pods were refused":                 {"11", "/c", nil, group("pod", 11, 3), 1},
		"pods are at it and nobody refused": {"11", "/c", nil, group("pod", 11, 0), 0},
		"refused by another limit":          {"11", "/c", nil, group("pod", 100, 3), 0},
		"a unit was refused":                {"11", "/c", nil, group("service", 11, 3), 0},
		"a limit that does not parse":       {"many", "/c", busy, nil, 0},
	} {
		s := &snapshot.Snapshot{Cgroups: tt.groups, Kubelet: &snapshot.Kubelet{Effective: map[string]snapshot.Effective{key: {Origin: snapshot.Origin{Value: tt.value, Source: tt.source, Line: 1}}}}}
		if tt.pods != nil {
			s.Processes = &snapshot.Processes{List: []snapshot.Process{{Name: "kubelet", Threads: 99}, {Name: "pause", Pod: "c", Threads: 1}}}
		}
		for uid, list := range tt.pods {
			for _, n := range list {
				s.Processes.List = append(s.Processes.List, snapshot.Process{Name: "x", Pod: uid, Threads: n})
			}
		}
		if got := detect(s); len(got) != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
