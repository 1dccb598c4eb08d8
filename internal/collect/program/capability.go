package program

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// names are the capabilities by number, of linux/capability.h.
var names = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct
sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override
mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`)

// capabilities are those of an open file, as getcap(8) writes them.
func capabilities(f *os.File) string {
	buf := make([]byte, 64)
	n, err := unix.Fgetxattr(int(f.Fd()), "security.capability", buf)
	if err != nil {
		return ""
	}
	return parseCapability(buf[:n])
}

// parseCapability reads struct vfs_cap_data of revision 1 to 3: a word with
// the revision and the effective bit, then for each 32 capabilities a word of
// those permitted and one of those inheritable, then the user that is root.
func parseCapability(data []byte) string {
	if len(data) < 4 {
		return ""
	}
	magic := binary.LittleEndian.Uint32(data)
	words := map[uint32]int{0x01000000: 1, 0x02000000: 2, 0x03000000: 2}[magic&0xff000000]
	if words == 0 || len(data) < 4+8*words {
		return fmt.Sprintf("not known: %x", data[:min(len(data), 24)])
	}
	var permitted, inheritable uint64
	for i := range words {
		permitted |= uint64(binary.LittleEndian.Uint32(data[4+8*i:])) << (32 * i)
		inheritable |= uint64(binary.LittleEndian.Uint32(data[8+8*i:])) << (32 * i)
	}
	effective := magic&1 != 0
	groups := map[string][]string{}
	var order []string
	for n := range 64 {
		bit, flags := uint64(1)<<n, ""
		if effective && (permitted|inheritable)&bit != 0 {
			flags += "e"
		}
		if inheritable&bit != 0 {
			flags += "i"
		}
		if permitted&bit != 0 {
			flags += "p"
		}
		if flags == "" || flags == "e" {
			continue
		}
		name := fmt.Sprintf("cap_%d", n)
		if n < len(names) {
			name = "cap_" + names[n]
		}
		if groups[flags] == nil {
			order = append(order, flags)
		}
		groups[flags] = append(groups[flags], name)
	}
	var parts []string
	for _, flags := range order {
		parts = append(parts, strings.Join(groups[flags], ",")+"="+flags)
	}
	s := strings.Join(parts, " ")
	if magic&0xff000000 == 0x03000000 && len(data) >= 24 {
		if root := binary.LittleEndian.Uint32(data[20:]); root != 0 {
			s += fmt.Sprintf(" [rootid=%d]", root)
		}
	}
	return s
}
