package cgroupdriver

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		runtime          snapshot.Answer
		kubelet          string
		version, release string // of the kubelet, of containerd
		said             bool
		found            bool
	}{
		"both cgroupfs":                   {snapshot.No, "cgroupfs", "v1.30.1", "v1.7.20", false, false},
		"both systemd":                    {snapshot.Yes, "systemd", "v1.30.1", "v1.7.20", false, false},
		"nothing is said":                 {"", "cgroupfs", "v1.30.1", "v1.7.20", false, false},
		"the kubelet asks":                {snapshot.Yes, "cgroupfs", "v1.34.0", "v2.1.0", false, false},
		"the kubelet asks, other way":     {snapshot.No, "systemd", "v1.37.2", "v2.4.2", false, false},
		"the runtime does not answer":     {snapshot.Yes, "cgroupfs", "v1.34.0", "v1.7.20", false, true},
		"the kubelet does not ask":        {snapshot.No, "systemd", "v1.29.0", "v2.0.1", false, true},
		"the kubelet asked before":        {snapshot.Yes, "cgroupfs", "v1.37.2", "v2.4.2", true, true},
		"the kubelet asked before, alike": {snapshot.Yes, "systemd", "v1.37.2", "v2.4.2", true, true},
		"a message of before the repair":  {snapshot.No, "cgroupfs", "v1.37.2", "v2.4.2", true, false},
	} {
		s := faulttest.New(t).Snapshot()
		s.Kubelet.CgroupDriver, s.Kubelet.Version, s.Runtime.Version = tc.kubelet, tc.version, tc.release
		s.Runtime.Settings.Handlers[0].SystemdCgroup = tc.runtime
		if tc.said {
			s.Logs.Observations = []snapshot.Observation{{ID: "kubelet-cgroup-driver", Source: "journal:kubelet.service", Sample: "expected cgroupsPath to be of format", Last: s.At}}
		}
		if found := detect(s); (len(found) == 1) != tc.found {
			t.Errorf("%s: %v", name, found)
		}
	}
}
