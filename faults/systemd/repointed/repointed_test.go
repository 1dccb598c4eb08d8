package repointed

import (
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/snapshot"
)

func Test(t *testing.T) { faulttest.Run(t, Fault) }

func TestNames(t *testing.T) {
	for line, want := range map[string]bool{
		"/usr/bin/kubelet --config=/x":                       true,
		"/usr/bin/nice -n 5 /usr/bin/kubelet":                true,
		"/usr/local/bin/hyperkube kubelet":                   true,
		"/nix/store/abc/bin/.kubelet-wrapped":                true,
		"/bin/sh -c \"exec ${KUBELET_BIN} $ARGS\"":           true,
		"/bin/bash -c 'exec /opt/bin/kubelet $KUBELET_ARGS'": true,
		"/opt/kubelet-wrapper.sh":                            true,
		"/bin/sleep infinity":                                false,
		"/usr/local/sbin/disk-tuner":                         false,
		"/usr/bin/tail -f /dev/null":                         false,
	} {
		if got := names(line, "kubelet"); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// A script of any name may start the program: what runs tells.
func TestAScriptThatStartsIt(t *testing.T) {
	u := snapshot.Unit{Name: "kubelet.service", Path: "/etc/systemd/system/kubelet.service",
		Settings: []snapshot.Setting{{Section: "Service", Key: "ExecStart", Value: "/opt/start-node", Source: "/etc/systemd/system/kubelet.service", Line: 3}}}
	s := &snapshot.Snapshot{Systemd: &snapshot.Systemd{Units: []snapshot.Unit{u}},
		Processes: &snapshot.Processes{List: []snapshot.Process{{PID: 1, Name: "systemd"}, {PID: 7, Name: "kubelet", Unit: "kubelet.service"}}}}
	if got := detect(s); len(got) > 0 {
		t.Errorf("a unit whose program runs: %+v", got)
	}
	s.Processes.List = s.Processes.List[:1]
	if got := detect(s); len(got) != 1 {
		t.Errorf("a unit without its program: %+v", got)
	}
}
