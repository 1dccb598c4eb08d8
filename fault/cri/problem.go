package cri

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/klustered/klustered/snapshot"
)

// A Problem is why containerd refuses its configuration.
type Problem struct {
	File string
	Line int    // 0 when it is of no line
	Why  string // in the present tense, without a subject
	Want string
	// With is what the line would be without the problem, where that is sure;
	// Drop says that the line is to go.
	With string
	Drop bool
	// Serves says that containerd starts with it, without its CRI.
	Serves bool
}

// newest is the layout of the newest containerd that is known: 2.4.
const newest = 4

// Problems are the reasons why containerd refuses its configuration. Of CRI-O,
// files that do not parse are.
func Problems(r *snapshot.Runtime) []Problem {
	if r.Settings == nil {
		return nil
	}
	var out []Problem
	for _, f := range r.Settings.Files {
		switch t, ok := File(r, f.Path); {
		case f.Error != "" && f.ErrorLine > 0:
			p := Problem{File: f.Path, Line: f.ErrorLine, Why: "does not parse: " + f.Error, Want: "a line of TOML"}
			if ok {
				p.Line, p.With = mend(t, f.ErrorLine)
			}
			out = append(out, p)
		case f.Error != "" && f.From != "" && strings.Contains(f.Error, "no such file"):
			out = append(out, absent(r, f))
		case r.Settings.Kind == "containerd" && f.Error == "" && f.Version > newest:
			out = append(out, layout(r, f))
		}
	}
	if r.Settings.Kind == "containerd" {
		out = append(out, kinds(r)...)
		out = append(out, excluded(r)...)
	}
	return out
}

// Readable reports whether every file of the configuration was read and
// parses, so that what it does not say is not said.
func Readable(r *snapshot.Runtime) bool {
	return r.Settings != nil && !slices.ContainsFunc(r.Settings.Files, func(f snapshot.RuntimeFile) bool { return f.Error != "" })
}

// absent is a file that is drawn in by its name and not there.
func absent(r *snapshot.Runtime, f snapshot.RuntimeFile) Problem {
	name, at, _ := strings.Cut(f.From, ":")
	n, _ := strconv.Atoi(at)
	p := Problem{File: name, Line: n, Why: "imports " + f.Path + ", which is not there", Want: "a file that is there"}
	if t, ok := File(r, name); ok && n > 0 {
		p.With, p.Drop = Without(t.LineAt(n), f.Path)
	}
	return p
}

// Without is a list on one line without one of its values, or that the line
// goes since nothing is left.
func Without(line, value string) (with string, drop bool) {
	left, rest, ok := strings.Cut(line, "[")
	inner, end, closed := strings.Cut(rest, "]")
	if !ok || !closed {
		return "", false
	}
	var kept []string
	for _, x := range strings.Split(inner, ",") {
		if v := strings.Trim(strings.TrimSpace(x), `"'`); v != "" && v != value && path.Base(v) != path.Base(value) {
			kept = append(kept, strings.TrimSpace(x))
		}
	}
	if len(kept) == 0 {
		return "", true
	}
	return left + "[" + strings.Join(kept, ", ") + "]" + end, false
}

// layout is a version that no containerd knows. Which one is meant is told by
// how the file names the CRI's plugins.
func layout(r *snapshot.Runtime, f snapshot.RuntimeFile) Problem {
	p := Problem{File: f.Path, Why: fmt.Sprintf("has layout version %d", f.Version), Want: fmt.Sprintf("a version up to %d", newest)}
	t, ok := File(r, f.Path)
	if !ok {
		return p
	}
	for i, l := range t.Lines() {
		if k, _, ok := strings.Cut(l, "="); ok && strings.TrimSpace(k) == "version" {
			p.Line = i + 1
			break
		}
	}
	for marks, version := range map[string]string{"io.containerd.cri.v1.": "3", "io.containerd.grpc.v1.cri": "2"} {
		if p.Line > 0 && strings.Contains(t.Content, marks) && p.With == "" {
			p.With = Assign(t, p.Line, version)
		}
	}
	return p
}

// The settings of the CRI that are neither text nor lists of it.
var (
	booleans = strings.Fields(`SystemdCgroup NoNewKeyring enable_selinux disable_apparmor restrict_oom_score_adj disable_proc_mount
		tolerate_missing_hugetlb_controller disable_hugetlb_controller privileged_without_host_devices enable_unprivileged_ports
		enable_unprivileged_icmp enable_cdi discard_unpacked_layers disable_snapshot_annotations setup_serially use_internal_loopback
		disable_tcp_service enable_tls_streaming systemd_cgroup disable_cgroup`)
	numbers = strings.Fields("max_conf_num max_container_log_line_size max_concurrent_downloads stats_collect_period IoUid IoGid oom_score")
	texts   = strings.Fields(`conf_dir conf_template ip_pref runtime_type runtime_path base_runtime_spec snapshotter sandbox sandbox_image
		BinaryName default_runtime_name config_path cni_conf_dir`)
)

// kinds are settings whose value is of another kind than containerd takes.
// Options of a runtime are read when a sandbox is made, the others at once.
func kinds(r *snapshot.Runtime) []Problem {
	var out []Problem
	for _, x := range r.Settings.Settings {
		name := x.Key[strings.LastIndex(x.Key, "/")+1:]
		t, ok := File(r, x.Path)
		_, raw, assigned := strings.Cut(t.LineAt(x.Line), "=")
		if raw = strings.TrimSpace(raw); !ok || !assigned || raw == "" || !strings.HasPrefix(x.Key, "plugins/io.containerd.cri.v1.") {
			continue
		}
		quoted := raw[0] == '"' || raw[0] == '\''
		want := ""
		switch {
		case slices.Contains(booleans, name) && quoted:
			want = "true or false, without quotes"
		case slices.Contains(numbers, name) && quoted:
			want = "a number, without quotes"
		case slices.Contains(texts, name) && !quoted:
			want = "text in quotes"
		default:
			continue
		}
		p := Problem{File: x.Path, Line: x.Line, Why: fmt.Sprintf("gives %s the value %s", name, raw), Want: want}
		switch _, err := strconv.Atoi(x.Value); {
		case quoted && (x.Value == "true" || x.Value == "false" || err == nil):
			p.With = Assign(t, x.Line, x.Value)
		}
		out = append(out, p)
	}
	return out
}

// excluded are the two ways to configure registries, which exclude each other.
func excluded(r *snapshot.Runtime) []Problem {
	dir, ok := Setting(r, Images+"registry/config_path")
	if !ok || dir.Value == "" {
		return nil
	}
	for _, x := range r.Settings.Settings {
		if strings.HasPrefix(x.Key, Images+"registry/mirrors/") {
			return []Problem{{File: x.Path, Line: x.Line, Serves: true, Want: "one of the two",
				Why: fmt.Sprintf("sets registry.mirrors, while %s:%d sets config_path", dir.Path, dir.Line)}}
		}
	}
	return nil
}

// mend is the line that does not let t parse, and what it would be with the
// one character more that makes the whole file parse, or "". A quote or a
// bracket that is not closed may show on a later line.
func mend(t snapshot.Text, at int) (n int, with string) {
	if !t.Whole() {
		return at, ""
	}
	lines := t.Lines()
	for n := min(at, len(lines)); n >= max(1, at-1); n-- {
		line, found := lines[n-1], []string(nil)
		code, note := line, ""
		if i := strings.LastIndex(line, " #"); i >= 0 {
			code, note = line[:i], line[i:]
		}
		for _, c := range []string{`"`, "'", "]", "}", `"]`, "']"} {
			x := strings.TrimRight(code, " \t\r") + c + note
			tree := map[string]any{}
			if toml.Unmarshal([]byte(strings.Join(slices.Concat(lines[:n-1], []string{x}, lines[n:]), "\n")), &tree) == nil {
				found = append(found, x)
			}
		}
		if len(found) == 1 {
			return n, found[0]
		}
	}
	return at, ""
}
