package ipamexhausted

import (
	"fmt"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	const file = "/etc/cni/net.d/10-pods.conflist"
	one := snapshot.IPAMRange{Subnet: "10.244.0.0/24", From: "10.244.0.1", To: "10.244.0.254", Total: 253}
	left := func(n uint64, set int) snapshot.IPAMRange { r := one; r.Free, r.Set = n, set; return r }
	stale := func(s *snapshot.Snapshot, ago time.Duration, known snapshot.Answer) []snapshot.IPAMAddress {
		return []snapshot.IPAMAddress{{IP: "10.244.0.9", Container: "x", Known: known, Modified: s.At.Add(-ago), Sum: "00"}}
	}
	for name, tc := range map[string]struct {
		config string
		ranges []snapshot.IPAMRange
		ago    time.Duration
		known  snapshot.Answer
		found  bool
		plan   string
	}{
		"free":                   {file, []snapshot.IPAMRange{left(200, 0)}, time.Hour, snapshot.No, false, ""},
		"one is left":            {file, []snapshot.IPAMRange{left(1, 0)}, time.Hour, snapshot.No, false, ""},
		"another range has some": {file, []snapshot.IPAMRange{left(0, 0), left(4, 0)}, time.Hour, snapshot.No, false, ""},
		"of no configuration":    {"", []snapshot.IPAMRange{left(0, 0)}, time.Hour, snapshot.No, false, ""},
		"of a file behind":       {"/etc/cni/net.d/20-other.conflist", []snapshot.IPAMRange{left(0, 0)}, time.Hour, snapshot.No, false, ""},
		"no ranges":              {file, nil, time.Hour, snapshot.No, false, ""},
		"used up, leaked":        {file, []snapshot.IPAMRange{left(0, 0)}, time.Hour, snapshot.No, true, "[remove /n/10.244.0.9: its container is gone]"},
		"used up, just given":    {file, []snapshot.IPAMRange{left(0, 0)}, time.Second, snapshot.No, true, ""},
		"used up, given since":   {file, []snapshot.IPAMRange{left(0, 0)}, -5 * time.Second, snapshot.No, true, ""},
		"used up by pods":        {file, []snapshot.IPAMRange{left(0, 0)}, time.Hour, snapshot.Yes, true, ""},
		"used up, not known":     {file, []snapshot.IPAMRange{left(0, 0)}, time.Hour, "", true, ""},
		"one of two sets":        {file, []snapshot.IPAMRange{left(9, 0), left(0, 1)}, time.Hour, snapshot.No, true, "[remove /n/10.244.0.9: its container is gone]"},
	} {
		s := faulttest.New(t).Snapshot()
		s.CNI.IPAM = []snapshot.IPAMNetwork{{Name: "pods", Dir: "/n", Config: tc.config, Ranges: tc.ranges, Addresses: stale(s, tc.ago, tc.known)}}
		found := detect(s)
		if (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
		if len(found) == 0 {
			continue
		}
		plan, err := remedy(s, found[0])
		if got := fmt.Sprint(plan); (err != nil) != (tc.plan == "") || err == nil && got != tc.plan {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
