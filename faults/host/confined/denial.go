package confined

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// A denial is a message of the kernel's audit that AppArmor or SELinux has
// forbidden something.
type denial struct {
	source, text string
	at           time.Time
	comm         string // of the process
	profile      string // of AppArmor
	context      string // of SELinux, of the process
	operation    string // what was to be done, or the permissions
	name         string // the file, where it is one
}

// denials are those of the kernel's log and of auditd's, newest first. What is
// only noted, as in complain mode or with permissive=1, is none.
func denials(s *snapshot.Snapshot) []denial {
	var out []denial
	for _, o := range s.Logs.Seen("kernel-denied", s.At, since) {
		if d, ok := parse(o.Sample); ok {
			d.source, d.at = o.Source, o.Last
			out = append(out, d)
		}
	}
	if s.Trail != nil {
		for _, r := range s.Trail.Kernel {
			if d, ok := record(r.Fields); ok && r.Type == "AVC" {
				d.source, d.at = "/var/log/audit/audit.log", r.Time
				out = append(out, d)
			}
		}
	}
	order.By(out, func(a, b denial) int { return b.at.Compare(a.at) })
	return out
}

// word finds KEY=VALUE, where the value may stand in quotes.
var (
	word   = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^\s"]+))`)
	access = regexp.MustCompile(`avc:  denied  \{ ([^}]*) \}`)
)

// parse reads a message as the kernel writes it.
func parse(line string) (denial, bool) {
	fields := map[string]string{}
	for _, m := range word.FindAllStringSubmatch(line, -1) {
		fields[m[1]] = m[2] + m[3]
	}
	if m := access.FindStringSubmatch(line); m != nil {
		fields["denied"] = strings.TrimSpace(m[1])
	}
	d, ok := record(fields)
	d.text = line
	return d, ok
}

// record reads the fields of a record.
func record(f map[string]string) (denial, bool) {
	d := denial{comm: strings.Trim(f["comm"], "()"), profile: f["profile"], context: f["scontext"], operation: f["operation"], name: f["name"]}
	if f["denied"] != "" {
		d.operation = f["denied"]
	}
	if d.name == "" {
		d.name = f["path"]
	}
	d.text = "comm=" + d.comm + " " + d.what() + " profile=" + d.profile + d.context
	if f["apparmor"] != "" {
		return d, f["apparmor"] == "DENIED"
	}
	return d, f["denied"] != "" && f["permissive"] != "1"
}

// component is the program of the node that was denied something: by the
// process, by the profile that is named after a program, or, where it may not be
// run at all, by the program.
func (d denial) component() string {
	for _, x := range []string{d.comm, path.Base(d.profile)} {
		if i := slices.Index(components, x[:min(15, len(x))]); i >= 0 {
			return components[i]
		}
	}
	if d.operation == "exec" || d.operation == "execute" {
		x := path.Base(d.name)
		if i := slices.Index(components, x[:min(15, len(x))]); i >= 0 {
			return components[i]
		}
	}
	return ""
}

func (d denial) by() string {
	if d.context != "" {
		return "SELinux"
	}
	return "AppArmor"
}

// what says what was denied.
func (d denial) what() string {
	out := d.operation
	if out == "" {
		out = "something"
	}
	if d.name != "" {
		out += " of " + d.name
	}
	return out
}

// told reports whether a line says that this was denied: the file by its path,
// or, of SELinux, which tells the last part alone, by its name; a signal as the
// runtime says it.
func (d denial) told(line string) bool {
	if !strings.Contains(line, "permission denied") && !strings.Contains(line, "Permission denied") && !strings.Contains(line, "operation not permitted") {
		return false
	}
	switch {
	case d.operation == "signal":
		return strings.Contains(line, "signal")
	case d.name == "" || d.name == "/":
		return false
	case strings.HasPrefix(d.name, "/"):
		return strings.Contains(line, d.name)
	}
	return strings.Contains(line, "/"+d.name+":") || strings.Contains(line, "/"+d.name+`"`) || strings.Contains(line, "/"+d.name+" ")
}

func (d denial) commands() []string {
	if d.context != "" {
		return []string{"getenforce; sestatus", "ausearch -m avc -ts recent", "ls -Z " + d.name}
	}
	return []string{"aa-status", "dmesg | grep DENIED", "journalctl -k -g apparmor"}
}
