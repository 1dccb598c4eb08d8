package frozen

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestDetect(t *testing.T) {
	for name, tc := range map[string]struct {
		b    snapshot.Behaviour
		want string
	}{
		"runs":               {snapshot.Behaviour{PID: 7, Name: "etcd", States: "SRS"}, ""},
		"waits for a disk":   {snapshot.Behaviour{PID: 7, Name: "etcd", States: "DDD"}, ""},
		"stopped":            {snapshot.Behaviour{PID: 7, Name: "etcd", States: "TTT"}, "stopped by a signal"},
		"stopped, then not":  {snapshot.Behaviour{PID: 7, Name: "etcd", States: "TTS"}, ""},
		"frozen":             {snapshot.Behaviour{PID: 7, Name: "kube-scheduler", States: "DDD", Frozen: "/sys/fs/cgroup/x"}, "frozen with its control group"},
		"held by a tracer":   {snapshot.Behaviour{PID: 7, Name: "kubelet", States: "ttt", Tracer: 9}, "process 9"},
		"traced, and runs":   {snapshot.Behaviour{PID: 7, Name: "kubelet", States: "SSS", Tracer: 9}, ""},
		"a job of a person":  {snapshot.Behaviour{PID: 7, Name: "less", States: "TTT"}, ""},
		"it ended meanwhile": {snapshot.Behaviour{PID: 7, Name: "kubelet", States: "S--"}, ""},
	} {
		got := detect(&snapshot.Snapshot{Activity: &snapshot.Activity{List: []snapshot.Behaviour{tc.b}}})
		if (len(got) > 0) != (tc.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tc.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestHolds(t *testing.T) {
	for line, want := range map[string]bool{
		"pkill -STOP kubelet":                                   true,
		"kill -s STOP $(pidof kubelet)":                         true,
		"kill -19 \"$p\"":                                       true,
		"echo FROZEN > /sys/fs/cgroup/freezer/$g/freezer.state": true,
		"systemctl freeze kubelet.service":                      true,
		"pkill -STOP chromium":                                  false,
		"kill -HUP $(pidof kubelet)":                            false,
		"systemctl stop kubelet":                                false,
		"logger STOP kubelet":                                   false,
	} {
		if got := holds("kubelet")(line); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestRemedy(t *testing.T) {
	subject := finding.Finding{Subject: finding.Subject{Kind: "process", Name: "etcd"}}
	s := &snapshot.Snapshot{
		Activity:  &snapshot.Activity{List: []snapshot.Behaviour{{PID: 7, Name: "etcd", States: "DDD", Frozen: "/c"}, {PID: 8, Name: "etcd", States: "DDD", Frozen: "/c"}}},
		Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 7, Name: "etcd", Ticks: 5, Exe: "/e"}}},
	}
	plan, err := remedy(s, subject)
	if err != nil || len(plan) != 1 || plan[0] != op.Op(op.Freeze{Group: "/c"}) {
		t.Errorf("%v, %v", plan, err)
	}
	s.Activity.List = []snapshot.Behaviour{{PID: 7, Name: "etcd", States: "ttt", Tracer: 99}}
	if plan, err := remedy(s, subject); err == nil {
		t.Errorf("a tracer is ended: %v", plan)
	}
}
