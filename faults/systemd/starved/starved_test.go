package starved

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault, faulttest.Seeds(1, 2, 3, 4, 5, 6)) }

func TestHarms(t *testing.T) {
	quiet := snapshot.Control{Path: "/system.slice/kubelet.service", Dirs: map[string]string{"": "/c"},
		Memory: &snapshot.MemoryControl{Current: 60 << 20}, Pids: &snapshot.PidsControl{Current: 30}, CPU: &snapshot.CPUControl{QuotaUs: 50000, RecentPeriods: 10}}
	max := uint64(100 << 20)
	pressed := quiet
	pressed.Memory = &snapshot.MemoryControl{Max: &max, Current: 99 << 20, OOMKill: 3}
	pressed.Pids = &snapshot.PidsControl{Current: 200, Refused: 4}
	pressed.CPU = &snapshot.CPUControl{QuotaUs: 50000, RecentPeriods: 10, RecentThrottled: 9}
	for line, want := range map[string][2]bool{ // with room, and without
		"MemoryMax=2G": {false, true}, "MemoryMax=10M": {true, true}, "MemoryMax=infinity": {false, false}, "MemoryMax=50%": {false, true},
		"TasksMax=4096": {false, false}, "TasksMax=200": {false, true}, "TasksMax=5": {true, true}, "TasksMax=infinity": {false, false}, "TasksMax=30%": {false, false},
		"CPUQuota=50%": {false, true}, "CPUQuota=2%": {true, true}, "CPUQuota=": {false, false},
		"LimitNOFILE=1048576": {false, false}, "LimitNOFILE=12": {true, true}, "LimitNOFILE=1024": {false, true}, "LimitNOFILE=64:524288": {false, false}, "LimitNOFILE=64:100": {true, true}, "LimitNOFILE=infinity": {false, false},
		"LimitAS=infinity": {false, false}, "LimitAS=90M": {true, true}, "LimitFSIZE=1G": {false, false}, "LimitFSIZE=1M": {true, true},
		"RuntimeMaxSec=infinity": {false, false}, "RuntimeMaxSec=90": {true, true}, "Nice=5": {false, false}, "LimitCORE=0": {false, false},
	} {
		key, value, _ := strings.Cut(line, "=")
		u := snapshot.Unit{Name: "kubelet.service", Settings: []snapshot.Setting{{Section: "Service", Key: key, Value: value, Source: "/d", Line: 2}}}
		for i, c := range []snapshot.Control{quiet, pressed} {
			s := &snapshot.Snapshot{Host: &snapshot.Host{MemTotal: 4 << 30}, Cgroups: &snapshot.Cgroups{Controls: []snapshot.Control{c}},
				Activity: &snapshot.Activity{List: []snapshot.Behaviour{{Name: "kubelet", Files: []int{25, 1020}[i]}}}}
			if got := len(harms(s, u)) > 0; got != want[i] {
				t.Errorf("%s, pressed %v: %v", line, i == 1, got)
			}
		}
	}
}

// The kernel counts the processes of every user but root.
func TestProcessLimitOfRoot(t *testing.T) {
	for settings, want := range map[string]bool{
		"LimitNPROC=5":                                                false,
		"LimitNPROC=5 User=":                                          false,
		"LimitNPROC=5 User=root":                                      false,
		"LimitNPROC=5 User=0":                                         false,
		"LimitNPROC=5 User=node":                                      true,
		"LimitNPROC=5 User=node DynamicUser=no":                       true,
		"LimitNPROC=5 DynamicUser=yes":                                true,
		"LimitNPROC=5 DynamicUser=no":                                 false,
		"LimitNPROC=infinity User=node":                               false,
		"LimitNPROC=4096 User=node":                                   false,
		"TasksMax=5 User=root":                                        true,
		"LimitNPROC=5 User=node AmbientCapabilities=CAP_NET_ADMIN":    true,
		"LimitNPROC=5 User=node AmbientCapabilities=cap_sys_resource": false,
		"LimitNPROC=5 User=node AmbientCapabilities=~CAP_CHOWN":       false,
	} {
		u := snapshot.Unit{Name: "kubelet.service"}
		for i, line := range strings.Fields(settings) {
			key, value, _ := strings.Cut(line, "=")
			u.Settings = append(u.Settings, snapshot.Setting{Section: "Service", Key: key, Value: value, Source: "/d", Line: i + 2})
		}
		if got := len(harms(&snapshot.Snapshot{}, u)) > 0; got != want {
			t.Errorf("%s: %v", settings, got)
		}
	}
}
