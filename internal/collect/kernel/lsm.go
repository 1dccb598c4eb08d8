package kernel

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// modules asks the security modules.
func modules(e *source.Env, all *snapshot.Processes) snapshot.LSM {
	l := snapshot.LSM{Files: profileFiles(e)}
	for _, x := range e.Glob("/etc/apparmor.d/disable/*") {
		l.Disabled = append(l.Disabled, x)
	}
	l.SEConfig = parseSEConfig(read(e, "/etc/selinux/config"))
	if !e.Live {
		return l
	}
	if active := text(read(e, "/sys/kernel/security/lsm")); active != "" {
		l.Active = strings.Split(active, ",")
	}
	if _, rest, ok := strings.Cut(text(read(e, "/sys/kernel/security/lockdown")), "["); ok {
		l.Lockdown, _, _ = strings.Cut(rest, "]")
	}
	switch text(read(e, "/sys/fs/selinux/enforce")) {
	case "1":
		l.SELinux = "enforcing"
	case "0":
		l.SELinux = "permissive"
	}
	l.AppArmor = text(read(e, "/sys/module/apparmor/parameters/enabled")) == "Y"
	l.Profiles = parseProfiles(read(e, "/sys/kernel/security/apparmor/profiles"))
	if n := len(l.Profiles); n > maxProfiles {
		e.Gap(snapshot.SectionKernel, "/sys/kernel/security/apparmor/profiles", fmt.Errorf("%d more profiles than the %d that are kept", n-maxProfiles, maxProfiles))
		l.Profiles = l.Profiles[:maxProfiles]
	}
	l.Confined = confined(e, all)
	return l
}

// maxProfiles bounds the profiles that are kept.
const maxProfiles = 300

// components are the processes whose confinement is told.
var components = []string{"kubelet", "containerd", "crio", "dockerd", "etcd", "kube-apiserver", "kube-controller-manager",
	"kube-scheduler", "kube-proxy", "coredns", "sshd", "cron"}

// confined asks /proc what holds each component.
func confined(e *source.Env, all *snapshot.Processes) []snapshot.Confinement {
	var out []snapshot.Confinement
	if all == nil {
		return nil
	}
	for _, name := range components {
		for _, p := range all.ByName(name) {
			dir := "/proc/" + strconv.Itoa(p.PID)
			c := parseSeccomp(read(e, dir+"/status"))
			c.Name, c.PID = name, p.PID
			label, _ := e.ReadFile(dir + "/attr/current") // EINVAL without a module that labels
			c.Label = text(label)
			if len(out) < 100 {
				out = append(out, c)
			}
		}
	}
	return out
}

// parseSeccomp reads a /proc/PID/status.
func parseSeccomp(data []byte) snapshot.Confinement {
	var c snapshot.Confinement
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSpace(value))
		switch key {
		case "Seccomp":
			c.Seccomp = n
		case "Seccomp_filters":
			c.Filters = n
		case "NoNewPrivs":
			c.NoNewPrivs = n == 1
		}
	}
	return c
}

// parseProfiles reads lines of "name (mode)".
func parseProfiles(data []byte) []snapshot.AppArmorProfile {
	var out []snapshot.AppArmorProfile
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		name, mode, ok := cutLast(strings.TrimSpace(line), " (")
		if ok && len(out) < 5000 {
			out = append(out, snapshot.AppArmorProfile{Name: name, Mode: strings.TrimSuffix(mode, ")")})
		}
	}
	return out
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// parseSEConfig finds the mode that SELinux starts with.
func parseSEConfig(data []byte) *snapshot.SysctlLine {
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "SELINUX="); ok {
			return &snapshot.SysctlLine{File: "/etc/selinux/config", Line: n, Raw: clip(strings.TrimSpace(line)), Key: "SELINUX", Value: clip(value)}
		}
	}
	return nil
}

// profileFiles are the heads of the profiles in /etc/apparmor.d.
func profileFiles(e *source.Env) []snapshot.AppArmorFile {
	list, err := e.ReadDir("/etc/apparmor.d")
	if err != nil {
		return nil
	}
	var out []snapshot.AppArmorFile
	for _, x := range list {
		if x.IsDir() || strings.HasPrefix(x.Name(), ".") {
			continue
		}
		file := path.Join("/etc/apparmor.d", x.Name())
		owner := e.PackageOwner(file)
		for _, p := range parseProfileHeads(read(e, file), file) {
			p.Package = owner
			if len(out) < maxProfiles {
				out = append(out, p)
			}
		}
	}
	return out
}

// profileHead is the first line of a profile: a name, a path, or both.
var profileHead = regexp.MustCompile(`^(?:profile\s+("[^"]*"|\S+)\s*)?((?:@\{|/|\*)\S*)?\s*(?:xattrs=\([^)]*\)\s*)?(?:flags=\(([^)]*)\)\s*)?\{\s*$`)

// parseProfileHeads finds the profiles of a file, those at its top level.
func parseProfileHeads(data []byte, file string) []snapshot.AppArmorFile {
	var out []snapshot.AppArmorFile
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		n++
		line = strings.TrimRight(line, " \t\r\n")
		if !strings.HasPrefix(line, "profile ") && !strings.HasPrefix(line, "/") && !strings.HasPrefix(line, "@{") {
			continue // a comment, or within a profile
		}
		m := profileHead.FindStringSubmatch(line)
		if m == nil || len(out) >= 100 {
			continue
		}
		p := snapshot.AppArmorFile{File: file, Line: n, Name: strings.Trim(m[1], `"`), Attach: m[2], Flags: m[3]}
		if p.Name == "" {
			p.Name = p.Attach
		}
		if p.Attach == "" && strings.HasPrefix(p.Name, "/") {
			p.Attach = p.Name
		}
		out = append(out, p)
	}
	return out
}
