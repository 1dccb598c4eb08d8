package feed

import (
	"time"
)

// layouts are the times that lines of plain logs begin with: of rsyslog's
// two forms, dpkg, apt and many programs.
var layouts = []string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05", "2006/01/02 15:04:05", time.Stamp}

// textTime reads the time at the beginning of a line. A time without a year
// is the last such before the file was written, which is at near; one without
// a zone is taken for UTC.
func textTime(b []byte, near time.Time) (time.Time, bool) {
	if len(b) < len(time.Stamp) {
		return time.Time{}, false
	}
	if c := b[0]; c >= '0' && c <= '9' {
		end := 0
		for end < len(b) && end < 40 && b[end] != ' ' {
			end++
		}
		if t, err := time.Parse(layouts[0], string(b[:end])); err == nil {
			return t, true
		}
		if len(b) >= len(layouts[1]) {
			for _, l := range layouts[1:3] {
				if t, err := time.Parse(l, string(b[:len(l)])); err == nil {
					return t, true
				}
			}
		}
		return time.Time{}, false
	}
	if c := b[0]; c < 'A' || c > 'S' {
		return time.Time{}, false
	}
	t, err := time.Parse(time.Stamp, string(b[:len(time.Stamp)]))
	if err != nil || near.IsZero() {
		return time.Time{}, false
	}
	t = t.AddDate(near.Year(), 0, 0)
	if t.After(near.Add(24 * time.Hour)) {
		t = t.AddDate(-1, 0, 0)
	}
	return t, true
}
