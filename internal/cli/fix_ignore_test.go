package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/snapshot"
)

// What a site keeps on purpose is not repaired with all the rest.
func TestFixLeavesWhatIsIgnored(t *testing.T) {
	found := func(*snapshot.Snapshot) []finding.Finding {
		return []finding.Finding{{Subject: finding.Subject{Kind: "file", Name: "/x"}, Summary: "so", Facts: []finding.Fact{{Source: "/x", Got: "y"}}}}
	}
	rule := func(id string) *fault.Fault {
		return &fault.Fault{ID: id, Layer: fault.Host, Runbook: "# A\n", Needs: []snapshot.Section{snapshot.SectionHost}, Detect: found}
	}
	var out bytes.Buffer
	a := &App{Out: &out, Faults: []*fault.Fault{rule("host/swap"), rule("host/other")}}
	snaps := []*snapshot.Snapshot{{Node: "n", At: time.Unix(1, 0), Host: &snapshot.Host{}}}
	ignores := []diagnose.Ignore{{Fault: "host/swap", Reason: "on purpose", Until: time.Unix(2, 0)}}
	d := diagnose.Run(snaps, a.Faults)
	all, err := a.wanted(d, snaps, nil, ignores)
	if err != nil || len(all) != 1 || all[0].Fault.ID != "host/other" || !strings.Contains(out.String(), "host/swap on n (on purpose)") {
		t.Errorf("all: %v, %v, %s", all, err, out.String())
	}
	named, err := a.wanted(d, snaps, []string{"host/swap"}, ignores)
	if err != nil || len(named) != 1 || named[0].Fault.ID != "host/swap" {
		t.Errorf("named: %v, %v", named, err)
	}
}
