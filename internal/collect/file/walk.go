package file

import (
	"context"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A walker looks for set-id files and file capabilities.
type walker struct {
	env   *source.Env
	ctx   context.Context
	out   *snapshot.Files
	until time.Time
	seen  map[string]bool
	cut   string // where the walk ended early
	err   error
}

// folder walks one folder.
func (w *walker) folder(dir string, depth int) {
	if w.seen[dir] || depth > maxDepth || w.cut != "" || slices.Contains(data, dir) {
		return
	}
	w.seen[dir] = true
	list, err := w.env.ReadDir(dir)
	if err != nil {
		return
	}
	for _, f := range list {
		if w.out.Walked >= maxWalked || time.Now().After(w.until) || w.ctx.Err() != nil {
			w.cut, w.err = dir, fmt.Errorf("the walk ended here, after %d files", w.out.Walked)
			return
		}
		name := path.Join(dir, f.Name())
		switch {
		case f.IsDir():
			w.folder(name, depth+1)
		case f.Type().IsRegular():
			w.out.Walked++
			w.file(name)
		}
	}
}

// file looks at one file.
func (w *walker) file(name string) {
	i, err := w.env.Lstat(name)
	if err != nil {
		return
	}
	why, detail := "", ""
	switch {
	case i.Mode&0o4000 != 0 && i.Mode&0o111 != 0:
		why = "setuid"
	case i.Mode&0o2000 != 0 && i.Mode&0o010 != 0:
		why = "setgid"
	case i.Mode&0o111 != 0:
		if caps := w.env.Xattr(name, "security.capability"); len(caps) > 0 {
			why, detail = "capabilities", capabilities(caps)
		}
	}
	if strings.HasPrefix(name, "/dev/shm/") || strings.HasPrefix(name, "/tmp/") || strings.HasPrefix(name, "/var/tmp/") {
		if why == "" && i.Mode&0o111 != 0 {
			keep(&w.out.Odd, special(name, "executable", i))
		}
	}
	if why == "" {
		return
	}
	o := w.env.Origin(name)
	if o.Package != "" && o.Sum != "differs" && why != "capabilities" {
		w.out.Granted++
		return
	}
	x := special(name, why, i)
	x.Detail, x.Package, x.Sum = detail, o.Package, o.Sum
	keep(&w.out.Privileged, x)
}

// names are the capabilities by their number: linux/capability.h.
var names = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service
	net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice
	sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm
	block_suspend audit_read perfmon bpf checkpoint_restore`)

// capabilities reads the attribute security.capability: struct vfs_cap_data of
// versions 1 to 3.
func capabilities(data []byte) string {
	if len(data) < 12 {
		return fmt.Sprintf("malformed: %d bytes", len(data))
	}
	order := binary.LittleEndian
	magic := order.Uint32(data)
	permitted := uint64(order.Uint32(data[4:]))
	if version := magic >> 24; version >= 2 && len(data) >= 20 {
		permitted |= uint64(order.Uint32(data[12:])) << 32
	}
	var out []string
	for n := range 64 {
		if permitted&(1<<n) == 0 {
			continue
		}
		name := fmt.Sprint(n)
		if n < len(names) {
			name = "cap_" + names[n]
		}
		out = append(out, name)
	}
	text := strings.Join(out, ",")
	if magic&1 != 0 {
		text += " effective"
	}
	if magic>>24 >= 3 && len(data) >= 24 {
		text += fmt.Sprintf(" root uid %d", order.Uint32(data[20:]))
	}
	return text
}
