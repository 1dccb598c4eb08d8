package configinvalid

import (
	"errors"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// wrong are settings with values that the kubelet does not start with.
var wrong = [][2]string{
	{"imageGCLowThresholdPercent", "100"}, {"containerLogMaxFiles", "1"}, {"topologyManagerPolicy", "numa"}, {"maxPods", "many"},
	{"nodeStatusUpdateFrequency", "10"}, {"kubeAPIBurst", "-5"}, {"oomScoreAdj", "-2000"}, {"hairpinMode", "veth"}, {"readOnlyPort", `"0"`},
}

// drill damages the configuration file, or sets a value that is refused there
// or in a drop-in.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k := s.Kubelet
	if k.Config == nil || !k.Config.Whole() {
		return nil, errors.New("cannot damage the kubelet's configuration: it was not read whole")
	}
	lines := strings.SplitAfter(k.Config.Content, "\n")
	at := d.Int(2, len(lines)-2)
	x := fault.Pick(d, wrong)
	ways := []func() (op.Plan, error){
		func() (op.Plan, error) { // a merge that was not ended
			return kubelet.Edit(k, k.Config.Path, strings.Join(lines[:at], "")+"<<<<<<< HEAD\n"+strings.Join(lines[at:], ""), "an unfinished merge")
		},
		func() (op.Plan, error) { // a tab for blanks
			return kubelet.Edit(k, k.Config.Path, strings.Replace(k.Config.Content, "\n  ", "\n\t", 1), "indented by a tab")
		},
		func() (op.Plan, error) { // cut off
			return kubelet.Edit(k, k.Config.Path, "", "it is empty")
		},
		func() (op.Plan, error) { return kubelet.Vary(k, d, x[0], x[1]) },
		func() (op.Plan, error) { return kubelet.InDropIn(k, d, x[0]+": "+x[1]+"\n") },
	}
	return fault.Pick(d, ways)()
}
