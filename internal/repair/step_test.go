package repair

import (
	"slices"
	"testing"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/finding"
)

func TestSteps(t *testing.T) {
	faults := []*fault.Fault{
		{ID: "dns/a", Layer: fault.DNS}, {ID: "host/b", Layer: fault.Host}, {ID: "trust/c", Layer: fault.Trust},
		{ID: "kubelet/d", Layer: fault.Kubelet}, {ID: "kubelet/e", Layer: fault.Kubelet},
	}
	var found []finding.Finding
	for _, at := range [][2]string{{"dns/a", "n"}, {"site/own", "n"}, {"kubelet/e", "m"}, {"kubelet/d", "n"}, {"kubelet/e", "n"}, {"host/b", "n"}, {"kubelet/e", "m"}, {"trust/c", "n"}} {
		found = append(found, finding.Finding{Fault: at[0], Node: at[1]})
	}
	var got []string
	for _, s := range Steps(faults, found) {
		got = append(got, s.Fault+" "+s.Node)
		if want := map[bool]int{true: 2, false: 1}[s.Fault == "kubelet/e" && s.Node == "m"]; len(s.Found) != want {
			t.Errorf("%s on %s: %d findings", s.Fault, s.Node, len(s.Found))
		}
	}
	want := []string{"trust/c n", "host/b n", "kubelet/e m", "kubelet/d n", "kubelet/e n", "dns/a n", "site/own n"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}
