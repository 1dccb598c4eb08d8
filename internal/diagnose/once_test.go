package diagnose

import (
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
)

func TestOnceKeepsTheBestTold(t *testing.T) {
	f := &fault.Fault{ID: "a/b"}
	say := func(node int, kind string, facts int) found {
		return found{fault: f, node: node, finding: finding.Finding{Subject: finding.Subject{Kind: kind, Name: "x"}, Facts: make([]finding.Fact, facts)}}
	}
	got := once([]found{say(0, "member", 1), say(1, "member", 3), say(2, "member", 3), say(0, "file", 1), say(1, "file", 1)})
	if len(got) != 3 || got[0].node != 1 || got[1].node != 0 || got[2].node != 1 {
		t.Errorf("got %+v", got)
	}
}
