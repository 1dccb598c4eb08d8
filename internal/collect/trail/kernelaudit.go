package trail

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	auditPath   = "/var/log/audit/audit.log"
	kernelBytes = 2 << 20
	kernelLimit = 200
)

// kept are the types of records that say what somebody did.
var kept = []string{"EXECVE", "CONFIG_CHANGE", "DAEMON_START", "DAEMON_END", "DAEMON_ABORT", "DAEMON_CONFIG", "ADD_USER", "DEL_USER", "USER_CMD", "USER_AUTH",
	"USER_LOGIN", "USER_START", "USER_CHAUTHTOK", "SERVICE_START", "SERVICE_STOP", "KERN_MODULE", "ANOM_ABEND", "ANOM_PROMISCUOUS", "TIME_ADJNTPVAL", "TIME_INJOFFSET", "SYSTEM_BOOT", "SYSTEM_SHUTDOWN", "AVC", "NETFILTER_CFG", "BPF"}

// tools are programs whose running is kept of all that are run.
var tools = []string{"kill", "pkill", "killall", "chattr", "touch", "rm", "shred", "truncate", "mount", "umount", "systemctl", "iptables", "nft", "tc", "ip",
	"date", "timedatectl", "insmod", "modprobe", "rmmod", "crontab", "at", "chmod", "chown", "mv", "ln", "dd", "auditctl", "journalctl", "kubectl", "crictl", "ctr", "etcdctl", "useradd", "usermod", "passwd"}

func kernelAudit(e *source.Env, t *snapshot.Trail) error {
	data, from, _, err := end(e, auditPath, kernelBytes)
	if err == nil {
		t.Kernel = parseKernelAudit(data, from)
	}
	return err
}

// parseKernelAudit reads "type=T msg=audit(SECONDS.MS:SERIAL): key=value ...",
// as auditd writes it.
func parseKernelAudit(data []byte, from int64) []snapshot.KernelAudit {
	var list []snapshot.KernelAudit
	for line := range strings.Lines(string(data)) {
		at := from
		from += int64(len(line))
		if r, ok := parseRecord(strings.TrimRight(line, "\r\n")); ok && wantedRecord(&r) {
			r.Offset = at
			list = append(list, r)
		}
	}
	return newest(list, kernelLimit)
}

func wantedRecord(r *snapshot.KernelAudit) bool {
	if !slices.Contains(kept, r.Type) {
		return false
	}
	if r.Type != "EXECVE" {
		return true
	}
	program, _, _ := strings.Cut(r.Fields["argv"], " ")
	return slices.Contains(tools, program[strings.LastIndexByte(program, '/')+1:])
}

func parseRecord(line string) (snapshot.KernelAudit, bool) {
	var r snapshot.KernelAudit
	i := strings.Index(line, "type=")
	k := strings.Index(line, " msg=audit(")
	if i < 0 || k < i {
		return r, false
	}
	r.Type = clip(line[i+len("type=") : k])
	stamp, rest, ok := strings.Cut(line[k+len(" msg=audit("):], ")")
	when, serial, ok2 := strings.Cut(stamp, ":")
	seconds, err := strconv.ParseFloat(when, 64)
	if !ok || !ok2 || err != nil || seconds < 0 || seconds > 1<<40 {
		return r, false
	}
	r.Time, r.Serial = time.UnixMilli(int64(seconds*1000)).UTC(), clip(serial)
	r.Fields = recordFields(strings.TrimPrefix(rest, ":"), r.Type)
	if _, rights, ok := strings.Cut(rest, "avc:  denied  {"); ok && len(r.Fields) > 0 {
		rights, _, _ = strings.Cut(rights, "}")
		r.Fields["denied"] = clip(strings.TrimSpace(rights))
	}
	return r, true
}

// recordFields reads the keys and values of a record; those within msg='...'
// too. Arguments of EXECVE become argv.
func recordFields(s, kind string) map[string]string {
	const most = 24
	fields := map[string]string{}
	var argv []string
	for _, word := range splitFields(strings.ReplaceAll(s, "\x1d", " ")) {
		key, value, ok := strings.Cut(word, "=")
		if !ok || len(fields) >= most {
			continue
		}
		value = plainValue(key, value)
		if kind == "EXECVE" && len(key) > 1 && key[0] == 'a' && key[1] >= '0' && key[1] <= '9' {
			argv = append(argv, value)
			continue
		}
		fields[clip(key)] = clip(value)
	}
	if argv != nil {
		fields["argv"] = clip(strings.Join(argv, " "))
	}
	return fields
}

// splitFields splits at spaces outside of double quotes, and takes single
// quotes for none.
func splitFields(s string) []string {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted || r == '\''
	})
}

// plainValue undoes quotes and the hexadecimal form of values that would need
// them.
func plainValue(key, v string) string {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1]
	}
	hexed := key == "cmd" || key == "proctitle" || key == "name" || key == "exe" || key == "comm" || len(key) > 1 && key[0] == 'a' && key[1] >= '0' && key[1] <= '9'
	if hexed && len(v) > 4 && len(v)%2 == 0 {
		if b, err := hex.DecodeString(v); err == nil {
			return strings.ReplaceAll(string(b), "\x00", " ")
		}
	}
	return v
}
