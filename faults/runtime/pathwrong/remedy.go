package pathwrong

import (
	"errors"
	"fmt"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/cri"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// remedy takes the line out where the default is what belongs there, and else
// writes what the node's own state says.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	for _, w := range wrongs(s) {
		x := w.setting
		t, _ := cri.File(s.Runtime, x.Path)
		switch {
		case x.Key != f.Subject.Name:
		case w.drop:
			return cri.Change(s, x.Path, x.Line, nil, "the default is right")
		case w.value != "":
			return cri.Change(s, x.Path, x.Line, []string{cri.Assign(t, x.Line, w.value)}, "what is there")
		default:
			return nil, fmt.Errorf("cannot change %s: it %s; what belongs there a person has to decide", x.Path, w.what)
		}
	}
	return nil, errors.New("cannot change the runtime's configuration: what it names is there")
}

// drill makes one of the settings name what is not there, and lets a pod come
// to the node that shows it.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Kubelet == nil || s.CNI == nil || len(wrongs(s)) > 0 || !cri.Used(s) {
		return nil, errors.New("cannot change the runtime's paths: they are not in order now")
	}
	handler := cri.Runtime + "containerd/runtimes/" + s.Runtime.Settings.DefaultHandler + "/"
	way := fault.Pick(d, [][2]string{
		{cri.Runtime + "cni/conf_dir", `"` + fault.Pick(d, []string{"/etc/cni/conf.d", "/var/lib/cni/net.d", "/etc/containerd/cni"}) + `"`},
		{cri.Runtime + "cni/bin_dirs", `["` + fault.Pick(d, []string{"/usr/local/lib/cni", "/opt/cni/plugins", "/var/lib/cni/bin"}) + `"]`},
		{cri.Images + "snapshotter", `"` + fault.Pick(d, []string{"stargz", "fuse-overlayfs", "nydus", "soci", "overlay"}) + `"`},
		{cri.Runtime + "containerd/default_runtime_name", `"` + fault.Pick(d, []string{"kata", "runsc", "crun", "nvidia"}) + `"`},
		{handler + "options/BinaryName", `"` + fault.Pick(d, []string{"/usr/local/sbin/runc", "/usr/bin/crun", "/opt/containerd/bin/runc"}) + `"`},
	})
	pod, err := cri.Newcomer(s, d)
	if err != nil {
		return nil, err
	}
	plan, err := cri.Set(s, d, way[0], way[1])
	return append(plan, pod), err
}
