package kernel

import (
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// helpers are the files that name a program the kernel runs, and when.
var helpers = []struct{ what, file string }{
	{"core", "/proc/sys/kernel/core_pattern"},
	{"modprobe", "/proc/sys/kernel/modprobe"},
	{"hotplug", "/proc/sys/kernel/hotplug"},
	{"uevent", "/sys/kernel/uevent_helper"},
	{"poweroff", "/proc/sys/kernel/poweroff_cmd"},
}

// invoked finds the programs that the kernel runs by itself.
func invoked(e *source.Env) []snapshot.Invoked {
	var out []snapshot.Invoked
	for _, h := range helpers {
		value := text(read(e, h.file))
		if value == "" {
			continue
		}
		x := snapshot.Invoked{What: h.what, Source: h.file, Value: clip(value), Enabled: true}
		program := value
		if h.what == "core" {
			rest, piped := strings.CutPrefix(value, "|")
			program, x.Enabled = rest, piped // else it is the name of a file
		}
		x.Program = binary(e, program)
		out = append(out, x)
	}
	return append(append(out, agents(e)...), formats(e)...)
}

// binary looks at the program that a line begins with, when it is a path.
func binary(e *source.Env, line string) *snapshot.Binary {
	w := strings.Fields(line)
	if len(w) == 0 || !strings.HasPrefix(w[0], "/") {
		return nil
	}
	b, _ := e.Program(w[0]) // what fails is told in it
	return &b
}

// mountsOf are the targets of the mounts of one type of file system, each with
// whether another mount lies on it.
func mountsOf(data []byte, fsType string) []string {
	var out []string
	top := map[string]string{}
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(r) < 1 {
			continue
		}
		top[l[4]] = r[0]
		if r[0] == fsType && !slices.Contains(out, l[4]) && len(out) < 100 {
			out = append(out, l[4])
		}
	}
	return slices.DeleteFunc(out, func(target string) bool { return top[target] != fsType })
}

// agents are the programs that are run when a control group of v1 is empty:
// release_agent lies in the root of each hierarchy.
func agents(e *source.Env) []snapshot.Invoked {
	var out []snapshot.Invoked
	for _, dir := range mountsOf(read(e, "/proc/self/mountinfo"), "cgroup") {
		file := path.Join(dir, "release_agent")
		if value := text(read(e, file)); value != "" {
			notify := text(read(e, path.Join(dir, "notify_on_release"))) == "1"
			out = append(out, snapshot.Invoked{What: "release", Source: file, Value: clip(value), Program: binary(e, value), Enabled: notify})
		}
	}
	return out
}

// formats are the interpreters of binfmt_misc. A folder that is only mounted
// when it is looked at is left alone.
func formats(e *source.Env) []snapshot.Invoked {
	var out []snapshot.Invoked
	for _, dir := range mountsOf(read(e, "/proc/self/mountinfo"), "binfmt_misc") {
		list, err := e.ReadDir(dir)
		e.Gap(snapshot.SectionKernel, dir, err)
		for _, x := range list {
			if x.Name() == "register" || x.Name() == "status" || len(out) >= 100 {
				continue
			}
			file := path.Join(dir, x.Name())
			i := parseFormat(read(e, file))
			i.Source, i.Program = file, binary(e, i.Value)
			out = append(out, i)
		}
	}
	return out
}

// parseFormat reads an entry of binfmt_misc.
func parseFormat(data []byte) snapshot.Invoked {
	x := snapshot.Invoked{What: "binfmt"}
	var detail []string
	n := 0
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "?")) {
		line = strings.TrimSpace(line)
		value, ok := strings.CutPrefix(line, "interpreter ")
		switch {
		case ok:
			x.Value = clip(value)
		case n == 0:
			x.Enabled = line == "enabled"
		case line != "":
			detail = append(detail, line)
		}
		n++
	}
	x.Detail = clip(strings.Join(detail, "; "))
	return x
}
