package systemd

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// at collects the jobs of at(1).
func (p *persistence) at() {
	for _, dir := range []string{"/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"} {
		for _, x := range p.list(dir) {
			when, ok := parseAtName(x)
			if !ok {
				continue
			}
			file := path.Join(dir, x)
			t, data, ok := p.read(file)
			if !ok {
				continue
			}
			cmd, line := parseAt(data)
			first, _, _ := strings.Cut(cmd, "\n")
			p.add(snapshot.Persistent{
				Kind: "at", Source: file, Line: line, Text: secret.Scrub(first), Command: secret.Scrub(cmd), Enabled: t.Mode&0o100 != 0,
				User: p.userOf(t.UID), At: when, Schedule: when.Format("2006-01-02 15:04 MST"),
				Files: []snapshot.Text{t}, Scripts: append([]snapshot.Text{t}, scripts(p.env, cmd, "")...),
			})
		}
	}
	for _, file := range []string{"/etc/at.allow", "/etc/at.deny", "/etc/cron.allow", "/etc/cron.deny"} {
		p.clauses("cron-access", "", file, func(data string) []clause {
			return []clause{{0, path.Base(file) + " exists", strings.Join(strings.Fields(data), " ")}}
		})
	}
}

// parseAtName reads the name of a job: its queue, five hexadecimal digits of
// its number, and eight of its time in minutes.
func parseAtName(name string) (time.Time, bool) {
	if len(name) != 14 || !(name[0] == '=' || name[0]|0x20 >= 'a' && name[0]|0x20 <= 'z') {
		return time.Time{}, false
	}
	if _, err := strconv.ParseUint(name[1:6], 16, 32); err != nil {
		return time.Time{}, false
	}
	minutes, err := strconv.ParseUint(name[6:], 16, 32)
	return time.Unix(int64(minutes)*60, 0).UTC(), err == nil
}

// parseAt returns the commands of a job, which stand behind the environment
// that at saved, and the line on which they begin.
func parseAt(data []byte) (cmd string, line int) {
	lines := strings.Split(strings.ToValidUTF8(string(data), "\ufffd"), "\n")
	start := 0
	for i, l := range lines {
		if strings.TrimSpace(l) == "}" && i > 0 && strings.Contains(lines[i-1], "exit 1") {
			start = i + 1
			break
		}
	}
	return strings.TrimSpace(strings.Join(lines[start:], "\n")), start + 1
}

// userOf is the name of a user, or its number.
func (p *persistence) userOf(uid uint32) string {
	data, _ := p.env.ReadFile("/etc/passwd")
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "\ufffd")) {
		if w := strings.Split(line, ":"); len(w) > 2 && w[2] == want {
			return w[0]
		}
	}
	return want
}

// anacron collects the jobs of anacrontab(5).
func (p *persistence) anacron() {
	p.clauses("anacron", "by anacron", "/etc/anacrontab", eachLine(func(line string) string {
		w := strings.Fields(line)
		if len(w) < 4 || strings.Contains(w[0], "=") {
			return ""
		}
		rest := line
		for range 3 {
			_, rest, _ = cutField(strings.TrimLeft(rest, " \t"))
		}
		return rest
	}))
}
