package preload

import (
	"errors"
	"path"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill has the loader put a harmless library, a copy of one of the C library's
// own stubs under a name of its own, into every program or into those of a
// unit.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Trust == nil || s.Trust.Preload != nil {
		return nil, errors.New("cannot write " + file + ": it is there, or was not looked for")
	}
	var libs []snapshot.Program
	for _, p := range s.Programs.List {
		if slices.Contains(p.Roles, "library") && p.SHA256 != "" && p.Container == "" && p.Size < 64<<10 {
			libs = append(libs, p)
		}
	}
	if len(libs) == 0 {
		return nil, errors.New("cannot preload a library: no small one of the C library's was read whole")
	}
	lib := fault.Pick(d, libs)
	to := path.Join(fault.Pick(d, []string{"/usr/local/lib", "/usr/lib/" + d.Name(), "/opt/" + d.Name() + "/lib"}), "lib"+d.Name()+".so")
	plan := op.Plan{op.CopyFile{From: lib.Path, FromPin: lib.SHA256, To: to, Mode: 0o644}}
	if d.Int(0, 2) > 0 {
		return append(plan, op.WriteFile{Path: file, Data: []byte(to + "\n"), Mode: 0o644, Why: "every program loads it"}), nil
	}
	unit := fault.Pick(d, []string{"cron.service", "kubelet.service", "containerd.service"})
	return append(plan,
		op.ReloadUnits{},
		op.WriteFile{Path: "/etc/systemd/system/" + unit + ".d/" + d.Name() + ".conf", Data: []byte("[Service]\nEnvironment=LD_PRELOAD=" + to + "\n"), Mode: 0o644, Why: "the unit's programs load it"},
		op.ReloadUnits{}), nil
}
