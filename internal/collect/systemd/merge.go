package systemd

import (
	"slices"
	"strings"

	"github.com/klustered/klustered/snapshot"
)

// A slot is what assignments of one meaning share.
type slot struct{ section, key string }

// merge drops the assignments that a later empty one resets, and marks those
// that a later one of the same key replaces.
func merge(all []snapshot.Setting) []snapshot.Setting {
	reset, last := map[slot]int{}, map[slot]int{}
	for i, s := range all {
		if s.Value == "" {
			if g := resets(s.Section, s.Key); g != "" {
				reset[slot{s.Section, g}] = i
			}
		}
		last[slot{s.Section, s.Key}] = i
	}
	var out []snapshot.Setting
	for i, s := range all {
		at, ok := reset[slot{s.Section, resets(s.Section, s.Key)}]
		if s.Value == "" || ok && i < at {
			continue
		}
		s.Replaced = i < last[slot{s.Section, s.Key}] && !isList(s.Section, s.Key)
		out = append(out, s)
	}
	return out
}

// resets names the assignments that an empty one of the key resets: of most
// keys its own, of conditions and triggers all of their kind, of dependencies
// none, as systemd.unit(5), systemd.timer(5) and systemd.socket(5) say.
func resets(section, key string) string {
	begins := func(p string) bool { return strings.HasPrefix(key, p) }
	switch {
	case section == "Unit" && slices.Contains(dependencies, key):
		return ""
	case section == "Unit" && begins("Condition"):
		return "Condition"
	case section == "Unit" && begins("Assert"):
		return "Assert"
	case section == "Socket" && begins("Listen"):
		return "Listen"
	case section == "Timer" && begins("On") && key != "OnClockChange" && key != "OnTimezoneChange":
		return "On"
	case section == "Path" && (begins("Path") || key == "DirectoryNotEmpty"):
		return "Path"
	}
	return key
}

// dependencies are the keys whose assignments an empty one does not reset.
var dependencies = []string{
	"Wants", "Requires", "Requisite", "BindsTo", "PartOf", "Upholds", "Conflicts", "Before", "After", "OnFailure", "OnSuccess",
	"PropagatesReloadTo", "ReloadPropagatedFrom", "PropagatesStopTo", "StopPropagatedFrom", "JoinsNamespaceOf", "RequiresMountsFor", "WantsMountsFor",
}

// lists are the keys whose assignments add up; listStems are what some begin
// with, listEnds what some end with.
var (
	lists = []string{
		"Documentation", "PassEnvironment", "UnsetEnvironment", "TemporaryFileSystem", "DeviceAllow", "SystemCallFilter", "SystemCallLog",
		"SystemCallArchitectures", "CapabilityBoundingSet", "AmbientCapabilities", "RestrictAddressFamilies", "RestrictNamespaces",
		"RestrictFileSystems", "RestrictNetworkInterfaces", "SupplementaryGroups", "RuntimeDirectory", "StateDirectory", "CacheDirectory",
		"LogsDirectory", "ConfigurationDirectory", "DirectoryNotEmpty", "Alias", "WantedBy", "RequiredBy", "UpheldBy", "Also",
		"SuccessExitStatus", "RestartPreventExitStatus", "RestartForceExitStatus", "LogExtraFields", "LogFilterPatterns", "Sockets", "Symlinks",
		"ExtensionImages", "ExtensionDirectories", "MountImages", "DisableControllers", "Delegate", "BPFProgram", "OpenFile", "CPUAffinity",
		"NUMAMask", "AllowedCPUs", "AllowedMemoryNodes", "IPIngressFilterPath", "IPEgressFilterPath", "ImportCredential", "DefaultEnvironment",
	}
	listStems = []string{"Exec", "Environment", "Condition", "Assert", "Listen", "Bind", "IORead", "IOWrite", "IODevice", "BlockIO", "IPAddress", "LoadCredential", "SetCredential", "SocketBind", "Path"}
	listEnds  = []string{"Paths", "Directories"}
)

// isList reports whether assignments of the key add up.
func isList(section, key string) bool {
	switch {
	case key == "BlockIOAccounting", key == "BlockIOWeight", key == "ExecSearchPath", key == "ListenBacklog":
		return false
	case section == "Unit" && slices.Contains(dependencies, key), slices.Contains(lists, key):
		return true
	case section == "Timer" && strings.HasPrefix(key, "On"):
		return true
	}
	is := func(list []string, f func(string, string) bool) bool {
		return slices.ContainsFunc(list, func(x string) bool { return f(key, x) })
	}
	return is(listStems, strings.HasPrefix) || is(listEnds, strings.HasSuffix)
}
