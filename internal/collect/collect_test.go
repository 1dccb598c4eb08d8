package collect

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

func hostOK(_ context.Context, _ *source.Env, s *snapshot.Snapshot) error {
	s.Host = &snapshot.Host{Hostname: "n1"}
	return nil
}

func TestRunSurvivesBadCollectors(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	list := []source.Collector{
		{Section: snapshot.SectionHost, Collect: hostOK},
		{Section: snapshot.SectionNetwork, Timeout: 30 * time.Millisecond, Collect: func(context.Context, *source.Env, *snapshot.Snapshot) error {
			<-block
			return nil
		}},
		{Section: snapshot.SectionEtcd, Collect: func(_ context.Context, _ *source.Env, s *snapshot.Snapshot) error {
			s.Etcd = &snapshot.Etcd{}
			var list []int
			_ = list[len(s.Gaps)]
			return nil
		}},
		{Section: snapshot.SectionCNI, Collect: func(_ context.Context, _ *source.Env, s *snapshot.Snapshot) error {
			s.CNI = &snapshot.CNI{ConfDir: "/etc/cni/net.d"}
			return errors.New("cannot read half of it")
		}},
		{Section: snapshot.SectionProbes, Live: true, Collect: hostOK},
		{Section: snapshot.SectionTrust, After: []snapshot.Section{snapshot.SectionHost, snapshot.SectionNetwork, snapshot.SectionLogs},
			Collect: func(_ context.Context, _ *source.Env, s *snapshot.Snapshot) error {
				if s.Host == nil || s.Network != nil || s.Node != "n1" {
					return errors.New("wrong view")
				}
				s.Trust = &snapshot.Trust{}
				return nil
			}},
	}
	heard := 0
	start := time.Now()
	s := Run(context.Background(), source.New(t.TempDir(), false), Options{Node: "n1", Collectors: list, OnDone: func(string, time.Duration) { heard++ }})
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
	if s.Host == nil || s.Network != nil || s.CNI == nil || s.Trust == nil {
		t.Errorf("sections: %+v", s)
	}
	if heard != len(list) || len(s.Timing) != len(list) {
		t.Errorf("heard of %d, timed %d", heard, len(s.Timing))
	}
	want := map[snapshot.Section]string{
		snapshot.SectionNetwork: "abandoned", snapshot.SectionEtcd: "collect_test.go:", snapshot.SectionCNI: "half", snapshot.SectionProbes: "running node",
	}
	for _, g := range s.Gaps {
		if !strings.Contains(g.Reason, want[g.Section]) || want[g.Section] == "" {
			t.Errorf("gap %+v", g)
		}
		delete(want, g.Section)
	}
	if len(want) > 0 {
		t.Errorf("no gap for %v", want)
	}
}

func TestRunKeepsItsBudget(t *testing.T) {
	hang := func(context.Context, *source.Env, *snapshot.Snapshot) error { select {} }
	list := []source.Collector{
		{Section: snapshot.SectionHost, Timeout: time.Hour, Collect: hang},
		{Section: snapshot.SectionEtcd, After: []snapshot.Section{snapshot.SectionHost}, Timeout: time.Hour, Collect: hang},
	}
	start := time.Now()
	s := Run(context.Background(), source.New(t.TempDir(), false), Options{Node: "n", Collectors: list, Budget: 50 * time.Millisecond})
	if took := time.Since(start); took > time.Second {
		t.Errorf("took %s", took)
	}
	if len(s.Gaps) != 2 {
		t.Errorf("gaps %+v", s.Gaps)
	}
}

func TestRunOnly(t *testing.T) {
	list := []source.Collector{
		{Section: snapshot.SectionHost, Collect: hostOK},
		{Section: snapshot.SectionTrust, After: []snapshot.Section{snapshot.SectionHost}, Collect: hostOK},
		{Section: snapshot.SectionCNI, Collect: hostOK},
	}
	s := Run(context.Background(), source.New(t.TempDir(), false), Options{Node: "n", Collectors: list, Only: []snapshot.Section{snapshot.SectionTrust}})
	if len(s.Timing) != 2 || s.Host == nil {
		t.Errorf("timing %+v", s.Timing)
	}
}

func TestAllNamesEachSectionOnce(t *testing.T) {
	seen := map[snapshot.Section]bool{}
	for _, c := range All() {
		if seen[c.Section] || c.Collect == nil {
			t.Errorf("%s: twice, or no Collect", c.Section)
		}
		seen[c.Section] = true
	}
}
