package systemd

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A form is how a property is written in files.
type form int

const (
	plain   form = iota // text, or a number
	flag                // yes or no
	amount              // bytes or a count, 0 to infinity
	percent             // microseconds of CPU time a second
	list                // several; compared only where the files say nothing
)

// A watched is a property of a service that the manager tells, as it is when
// nothing says otherwise. A normal of "?" depends on the machine.
type watched struct {
	name, setting string
	form          form
	normal        string
}

// properties are what holds a service back or hides something from it:
// org.freedesktop.systemd1(5), systemd.exec(5), systemd.resource-control(5).
var properties = []watched{
	{"CPUQuotaPerSecUSec", "CPUQuota", percent, "infinity"}, {"CPUWeight", "CPUWeight", amount, "infinity"}, {"CPUShares", "CPUShares", amount, "infinity"},
	{"AllowedCPUs", "AllowedCPUs", list, ""}, {"CPUAffinity", "CPUAffinity", list, ""}, {"CPUSchedulingPolicy", "CPUSchedulingPolicy", list, "0"},
	{"MemoryMax", "MemoryMax", amount, "infinity"}, {"MemoryHigh", "MemoryHigh", amount, "infinity"}, {"MemorySwapMax", "MemorySwapMax", amount, "infinity"}, {"MemoryLimit", "MemoryLimit", amount, "infinity"},
	{"TasksMax", "TasksMax", amount, "?"}, {"IOWeight", "IOWeight", amount, "infinity"}, {"BlockIOWeight", "BlockIOWeight", amount, "infinity"},
	{"IOReadBandwidthMax", "IOReadBandwidthMax", list, ""}, {"IOWriteBandwidthMax", "IOWriteBandwidthMax", list, ""}, {"IOReadIOPSMax", "IOReadIOPSMax", list, ""}, {"IOWriteIOPSMax", "IOWriteIOPSMax", list, ""},
	{"BlockIOReadBandwidth", "BlockIOReadBandwidth", list, ""}, {"BlockIOWriteBandwidth", "BlockIOWriteBandwidth", list, ""},
	{"LimitNOFILE", "LimitNOFILE", amount, "524288"}, {"LimitNPROC", "LimitNPROC", amount, "?"}, {"LimitCPU", "LimitCPU", amount, "infinity"}, {"LimitFSIZE", "LimitFSIZE", amount, "infinity"},
	{"LimitDATA", "LimitDATA", amount, "infinity"}, {"LimitAS", "LimitAS", amount, "infinity"}, {"LimitRSS", "LimitRSS", amount, "infinity"}, {"LimitSTACK", "LimitSTACK", amount, "infinity"},
	{"LimitLOCKS", "LimitLOCKS", amount, "infinity"}, {"LimitMEMLOCK", "LimitMEMLOCK", amount, "?"}, {"LimitSIGPENDING", "LimitSIGPENDING", amount, "?"}, {"LimitCORE", "LimitCORE", amount, "infinity"},
	{"OOMScoreAdjust", "OOMScoreAdjust", plain, "0"}, {"Nice", "Nice", plain, "0"}, {"KillMode", "KillMode", plain, "control-group"}, {"Restart", "Restart", plain, "no"}, {"OOMPolicy", "OOMPolicy", plain, "stop"},
	{"Slice", "Slice", plain, "system.slice"}, {"User", "User", plain, ""}, {"Group", "Group", plain, ""}, {"Delegate", "Delegate", list, "no"}, {"UMask", "UMask", list, "18"},
	{"DevicePolicy", "DevicePolicy", plain, "auto"}, {"DeviceAllow", "DeviceAllow", list, ""},
	{"PrivateTmp", "PrivateTmp", flag, "no"}, {"PrivateDevices", "PrivateDevices", flag, "no"}, {"PrivateNetwork", "PrivateNetwork", flag, "no"}, {"PrivateUsers", "PrivateUsers", flag, "no"}, {"PrivateMounts", "PrivateMounts", flag, "no"}, {"PrivateIPC", "PrivateIPC", flag, "no"},
	{"ProtectClock", "ProtectClock", flag, "no"}, {"ProtectKernelTunables", "ProtectKernelTunables", flag, "no"}, {"ProtectKernelModules", "ProtectKernelModules", flag, "no"}, {"ProtectKernelLogs", "ProtectKernelLogs", flag, "no"},
	{"ProtectControlGroups", "ProtectControlGroups", flag, "no"}, {"ProtectHostname", "ProtectHostname", flag, "no"}, {"ProtectProc", "ProtectProc", plain, "default"}, {"ProcSubset", "ProcSubset", plain, "all"},
	{"ProtectHome", "ProtectHome", plain, "no"}, {"ProtectSystem", "ProtectSystem", plain, "no"}, {"NoNewPrivileges", "NoNewPrivileges", flag, "no"}, {"MemoryDenyWriteExecute", "MemoryDenyWriteExecute", flag, "no"}, {"LockPersonality", "LockPersonality", flag, "no"},
	{"RestrictRealtime", "RestrictRealtime", flag, "no"}, {"RestrictSUIDSGID", "RestrictSUIDSGID", flag, "no"}, {"RestrictNamespaces", "RestrictNamespaces", list, "infinity"}, {"RestrictAddressFamilies", "RestrictAddressFamilies", list, "no"},
	{"SystemCallFilter", "SystemCallFilter", list, "no"}, {"RootDirectory", "RootDirectory", plain, ""}, {"RootImage", "RootImage", plain, ""},
	{"ReadOnlyPaths", "ReadOnlyPaths", list, ""}, {"InaccessiblePaths", "InaccessiblePaths", list, ""}, {"ReadWritePaths", "ReadWritePaths", list, ""}, {"NoExecPaths", "NoExecPaths", list, ""},
	{"BindPaths", "BindPaths", list, ""}, {"BindReadOnlyPaths", "BindReadOnlyPaths", list, ""}, {"TemporaryFileSystem", "TemporaryFileSystem", list, ""}, {"MountFlags", "MountFlags", list, ""},
	{"IPAddressAllow", "IPAddressAllow", list, ""}, {"IPAddressDeny", "IPAddressDeny", list, ""}, {"IPIngressFilterPath", "IPIngressFilterPath", list, ""}, {"IPEgressFilterPath", "IPEgressFilterPath", list, ""}, {"SocketBindDeny", "SocketBindDeny", list, ""}, {"RestrictNetworkInterfaces", "RestrictNetworkInterfaces", list, "no"},
	{"NetworkNamespacePath", "NetworkNamespacePath", plain, ""}, {"StandardOutput", "StandardOutput", plain, "journal"}, {"StandardError", "StandardError", plain, "inherit"}, {"LogLevelMax", "LogLevelMax", list, "-1"},
	{"LogRateLimitIntervalUSec", "LogRateLimitIntervalSec", list, "0"}, {"FreezerState", "", plain, "running"}, {"AppArmorProfile", "AppArmorProfile", list, "no"}, {"SELinuxContext", "SELinuxContext", list, "no"},
}

// effective are the properties of a unit that are not as systemd has them by
// itself, or that a file sets, each with what the files say. defaults are the
// settings of system.conf.
func effective(u snapshot.Unit, defaults []snapshot.Setting, p map[string]any) []snapshot.Property {
	var out []snapshot.Property
	for _, w := range properties {
		v, ok := p[w.name]
		if !ok {
			continue
		}
		x := snapshot.Property{Name: w.name, Value: w.render(v)}
		s, said := declared(u, defaults, w.setting)
		if !said && (x.Value == w.normal || w.normal == "?") {
			continue
		}
		if said {
			x.Setting, x.Source, x.Line = s.Value, s.Source, s.Line
			want, sure := w.normalise(s.Value)
			x.Differs = sure && want != x.Value
		} else {
			x.Differs = true
		}
		out = append(out, x)
	}
	return out
}

// declared is the assignment that holds for a key: of the unit, else of
// system.conf.
func declared(u snapshot.Unit, defaults []snapshot.Setting, key string) (snapshot.Setting, bool) {
	if key == "" {
		return snapshot.Setting{}, false
	}
	for _, section := range []string{"Service", "Slice", "Scope", "Socket"} {
		if s, ok := u.Last(section, key); ok {
			return s, true
		}
	}
	for i := len(defaults) - 1; i >= 0; i-- {
		if defaults[i].Key == "Default"+key {
			return defaults[i], true
		}
	}
	return snapshot.Setting{}, false
}

// render writes a value of D-Bus as a unit file would.
func (w watched) render(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case uint64:
		switch {
		case v == math.MaxUint64:
			return "infinity"
		case w.form == percent:
			return strconv.FormatUint(v/10000, 10) + "%"
		}
		return strconv.FormatUint(v, 10)
	case string:
		return v
	case []string:
		return strings.Join(v, " ")
	case []any:
		if len(v) == 2 { // (bas): whether the list allows, and the list; (bs): a profile
			if names, ok := v[1].([]string); ok {
				if len(names) == 0 && v[0] == false {
					return "no"
				}
				return strings.TrimPrefix(fmt.Sprintf("%t %s", v[0], strings.Join(names, " ")), "true ")
			}
			if v[1] == "" {
				return "no"
			}
		}
	case []byte:
		if len(v) == 0 {
			return ""
		}
		return fmt.Sprintf("%x", v)
	case [][]any:
		var all []string
		for _, x := range v {
			all = append(all, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(x), "["), "]"))
		}
		return strings.Join(all, ", ")
	}
	return fmt.Sprint(v)
}

// normalise writes what a file says as render writes the property; false when
// the two cannot be compared.
func (w watched) normalise(value string) (string, bool) {
	switch w.form {
	case plain:
		return value, !strings.Contains(value, "%")
	case flag:
		return truth(value)
	case amount:
		if _, hard, ok := strings.Cut(value, ":"); ok {
			value = hard
		}
		return number(value)
	case percent:
		n, ok := strings.CutSuffix(value, "%")
		_, err := strconv.ParseUint(n, 10, 32)
		return value, ok && err == nil
	}
	return "", false
}

// truth reads a boolean of systemd.syntax(7).
func truth(value string) (string, bool) {
	switch strings.ToLower(value) {
	case "yes", "true", "on", "1", "y", "t":
		return "yes", true
	case "no", "false", "off", "0", "n", "f":
		return "no", true
	}
	return "", false
}

// number reads a count or an amount of bytes with a suffix to the base 1024.
func number(value string) (string, bool) {
	if value == "infinity" {
		return value, true
	}
	unit := uint64(1)
	if n := len(value); n > 1 {
		if i := strings.IndexByte("KMGTPE", value[n-1]); i >= 0 {
			value, unit = value[:n-1], 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil || n > math.MaxUint64/unit {
		return "", false
	}
	return strconv.FormatUint(n*unit, 10), true
}
