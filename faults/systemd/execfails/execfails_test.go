package execfails

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6, 7, 8)) }

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

const (
	own    = "/etc/systemd/system/kubelet.service"
	dropIn = "/etc/systemd/system/kubelet.service.d/50-x.conf"
)

func kubelet(active string, unmet ...snapshot.Requirement) *snapshot.Snapshot {
	return &snapshot.Snapshot{At: now, Runtime: &snapshot.Runtime{Socket: "/run/containerd/containerd.sock"}, Logs: &snapshot.Logs{},
		Systemd: &snapshot.Systemd{Units: []snapshot.Unit{{Name: "kubelet.service", Path: own, Active: active, Unmet: unmet}}}}
}

func TestDetect(t *testing.T) {
	pre := snapshot.Requirement{Key: "ExecStartPre", Value: "/opt/x", Source: dropIn, Line: 2, Error: "there is no such file"}
	maybe := pre
	maybe.Optional = true
	said := func(unit string, ago time.Duration) *snapshot.Snapshot {
		s := kubelet("activating")
		s.Systemd.Units[0].Settings = []snapshot.Setting{{Section: "Service", Key: "PrivateNetwork", Value: "yes", Source: dropIn, Line: 3}, {Key: "Nice", Value: "3", Source: dropIn, Line: 4}}
		s.Logs.Observations = []snapshot.Observation{{ID: "unit-exec-failed", Source: "journal:x", Last: now.Add(-ago), Sample: "Failed at step NETWORK",
			Params: map[string]string{"unit": unit, "step": "NETWORK", "error": "Operation not permitted"}}}
		return s
	}
	masked := kubelet("inactive", pre)
	masked.Systemd.Units[0].Masked = true
	other := kubelet("activating", pre)
	other.Systemd.Units[0].Name = "backup.service"
	idle := kubelet("inactive", pre)
	idle.Systemd.Units[0].Name = "crio.service"
	runs := said("kubelet.service", time.Second)
	runs.Systemd.Units[0].Active = "active"
	for name, tc := range map[string]struct {
		s    *snapshot.Snapshot
		want string // part of the summary, "" for no finding
	}{
		"all is there":           {kubelet("active"), ""},
		"stopped, all is there":  {kubelet("inactive"), ""},
		"may fail":               {kubelet("active", maybe), ""},
		"wanted":                 {kubelet("activating", maybe, pre), "ExecStartPre=/opt/x in " + dropIn + ":2, and there is no such file"},
		"runs still":             {kubelet("active", pre), "cannot start again"},
		"masked":                 {masked, ""},
		"not the node's":         {other, ""},
		"a runtime beside it":    {idle, ""},
		"systemd names the step": {said("kubelet.service", time.Second), "the step NETWORK"},
		"of another unit":        {said("cron.service", time.Second), ""},
		"long ago":               {said("kubelet.service", time.Hour), ""},
		"it runs now":            {runs, ""},
	} {
		got := detect(tc.s)
		if len(got) > 1 || (len(got) == 1) != (tc.want != "") || len(got) == 1 && !strings.Contains(got[0].Summary, tc.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if f := detect(said("kubelet.service", time.Second))[0]; len(f.Facts) < 2 || f.Facts[1].Got != "PrivateNetwork=yes" {
		t.Errorf("the line of that step is not quoted: %+v", f.Facts)
	}
}

// What the unit's own file wants, or the one program that it starts, is not
// taken away.
func TestRemedyRefuses(t *testing.T) {
	for name, r := range map[string]snapshot.Requirement{
		"of its own file": {Key: "ExecStart", Value: "/opt/kubelet", Source: own, Line: 3, Error: "there is no such file"},
		"the last one":    {Key: "ExecStart", Value: "/opt/kubelet", Source: dropIn, Line: 3, Error: "there is no such file"},
	} {
		s := kubelet("failed", r)
		s.Systemd.Units[0].Settings = []snapshot.Setting{{Section: "Service", Key: "ExecStart", Value: "/opt/kubelet --x", Source: r.Source, Line: 3}}
		if plan, err := remedy(s, finding.Finding{Subject: finding.Subject{Kind: "unit", Name: "kubelet.service"}}); err == nil {
			t.Errorf("%s: %v", name, plan)
		}
	}
}
