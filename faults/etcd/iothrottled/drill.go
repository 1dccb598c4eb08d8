package iothrottled

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// drill limits etcd's group, and leaves something behind that does so again.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Cgroups == nil || s.Processes == nil || s.Host == nil || s.Etcd == nil {
		return nil, errors.New("cannot throttle etcd: the node's groups, processes, disks or etcd are not known")
	}
	g, ok := groupOf(s)
	if !ok {
		return nil, errors.New("cannot throttle etcd: its control group was not found")
	}
	disk, ok := diskOf(s.Host, s.Etcd.Device)
	if !ok {
		return nil, fmt.Errorf("cannot throttle etcd: its device %q is no disk", s.Etcd.Device)
	}
	// An idle etcd hardly notices 100 KB a second; with 50 it syncs in 300 ms
	// and commits in 800, with 25 in seconds; 12 operations a second are much
	// like 40 KB, and with 6 requests time out.
	l := op.SetIOLimit{File: path.Join(g.Dir, "io.max"), Device: disk.Device, Key: "wbps", New: uint64(d.Int(24, 52)) * 1000}
	if d.Int(0, 2) == 0 {
		l.Key, l.New = "wiops", uint64(d.Int(8, 14))
	}
	up := d.Int(0, 1)
	if s.Cgroups.Mode == "v2" {
		if up == 1 {
			l.File = path.Join(path.Dir(g.Dir), "io.max") // the pod's group
		}
	} else {
		up = 0 // with v1 a limit on the pod's group binds nothing
		l.File = path.Join(g.Dir, map[string]string{"wbps": "blkio.throttle.write_bps_device", "wiops": "blkio.throttle.write_iops_device"}[l.Key])
	}
	name := d.Name()
	script := path.Join(fault.Pick(d, []string{"/usr/local/sbin", "/usr/local/bin", "/usr/local/lib/" + name}), name)
	plan := op.Plan{l, op.WriteFile{Path: script, Data: []byte(body(g, l, up, false)), Mode: 0o755}}
	switch d.Int(0, 3) {
	case 0:
		return append(plan, op.WriteFile{Path: "/etc/cron.d/" + name, Data: []byte("* * * * * root " + script + "\n"), Mode: 0o644}), nil
	case 1:
		return append(plan, spool(s, "* * * * * "+script+" >/dev/null 2>&1\n")), nil
	case 2:
		unit := "[Unit]\nDescription=Disk housekeeping\n\n[Service]\nType=oneshot\nExecStart=" + script + "\n"
		timer := "[Unit]\nDescription=Disk housekeeping\n\n[Timer]\nOnBootSec=30s\nOnUnitActiveSec=20s\nAccuracySec=1s\n\n[Install]\nWantedBy=timers.target\n"
		return append(plan, units(name, "timer", map[string]string{"service": unit, "timer": timer})...), nil
	}
	plan[1] = op.WriteFile{Path: script, Data: []byte(body(g, l, up, true)), Mode: 0o755}
	unit := "[Unit]\nDescription=Disk housekeeping\n\n[Service]\nExecStart=/bin/bash " + script + "\nRestart=always\nRestartSec=5\n\n[Install]\nWantedBy=multi-user.target\n"
	return append(plan, units(name, "service", map[string]string{"service": unit})...), nil
}

func groupOf(s *snapshot.Snapshot) (snapshot.Cgroup, bool) {
	for _, p := range s.Processes.ByName("etcd") {
		for _, g := range s.Cgroups.Groups {
			if g.Path == p.Cgroup && g.Dir != "" && g.Path != "/" {
				return g, true
			}
		}
	}
	return snapshot.Cgroup{}, false
}

// body is a script that finds etcd's group, sets the limit, and ends, or does
// so for ever. What it needs is bash and sleep.
func body(g snapshot.Cgroup, l op.SetIOLimit, up int, loop bool) string {
	strip, base := g.Path, g.Dir // the two differ in what stands before a common end
	for path.Base(strip) == path.Base(base) && strip != "/" {
		strip, base = path.Dir(strip), path.Dir(base)
	}
	strip = strings.TrimSuffix(strip, "/")
	kind, value := "*,blkio,*", fmt.Sprintf("%s %d", l.Device, l.New)
	if path.Base(l.File) == "io.max" {
		kind, value = ",,", fmt.Sprintf("%s %s=%d", l.Device, l.Key, l.New)
	}
	group := fmt.Sprintf(`"%s${group#%s}/%s"`, base, strip, path.Base(l.File))
	if up == 1 {
		group = fmt.Sprintf(`"%s${group#%s}/../%s"`, base, strip, path.Base(l.File))
	}
	work := `for p in /proc/[0-9]*; do
  { read -r name < "$p/comm"; } 2>/dev/null || continue
  [ "$name" = etcd ] || continue
  while IFS=: read -r _ kind group; do
    case ",$kind," in
    ` + kind + `) echo "` + value + `" > ` + group + ` ;;
    esac
  done < "$p/cgroup"
done
`
	head := "#!/bin/bash\n# keeps one writer from crowding the disk\n"
	if loop {
		return head + "while :; do\n" + work + "sleep 15\ndone\n"
	}
	return head + work
}

// spool adds a line to root's own crontab.
func spool(s *snapshot.Snapshot, line string) op.WriteFile {
	w := op.WriteFile{Path: "/var/spool/cron/crontabs/root", Data: []byte(line), Mode: 0o600}
	if s.Persistence == nil {
		return w
	}
	for _, p := range s.Persistence.Entries {
		for _, t := range p.Files {
			if t.Path == w.Path && t.Whole() {
				w.Pin, w.Data = t.SHA256, []byte(strings.TrimSuffix(t.Content, "\n")+"\n"+line)
				w.UID, w.GID = int(t.UID), int(t.GID)
			}
		}
	}
	return w
}

// units makes unit files, enables and starts the one of kind first.
func units(name, first string, files map[string]string) op.Plan {
	const dir = "/etc/systemd/system/"
	wants := map[string]string{"timer": "timers.target", "service": "multi-user.target"}[first]
	plan := op.Plan{op.ReloadUnits{}}
	for _, kind := range []string{"service", "timer"} {
		if files[kind] != "" {
			plan = append(plan, op.WriteFile{Path: dir + name + "." + kind, Data: []byte(files[kind]), Mode: 0o644})
		}
	}
	return append(plan,
		op.WriteFile{Path: dir + wants + ".wants/" + name + "." + first, Link: dir + name + "." + first, Mode: 0o777},
		op.ReloadUnits{}, op.Unit{Verb: "start", Name: name + "." + first})
}
