package cli

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// momentForms are the absolute times that are read, in UTC where they name no
// zone.
var momentForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"}

// span is one part of a time that is told from now: 2h, 30 min, 1.5d.
var span = regexp.MustCompile(`^\s*(\d+(?:\.\d+)?)\s*([a-z]+)`)

// parseMoment reads the time that a flag names.
func parseMoment(flag, text string, now time.Time) (time.Time, error) {
	day := time.Date(now.UTC().Year(), now.UTC().Month(), now.UTC().Day(), 0, 0, 0, 0, time.UTC)
	switch s := strings.TrimSpace(text); s {
	case "":
		return time.Time{}, nil
	case "now":
		return now, nil
	case "today":
		return day, nil
	case "yesterday":
		return day.AddDate(0, 0, -1), nil
	}
	for _, form := range momentForms {
		if t, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			return t, nil
		}
	}
	for _, form := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(form, strings.TrimSpace(text)); err == nil {
			t = day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second)
			if t.After(now) { // the last time that it was
				t = t.AddDate(0, 0, -1)
			}
			return t, nil
		}
	}
	if d, ok := parseSpan(strings.TrimPrefix(strings.TrimSuffix(strings.TrimSpace(text), " ago"), "-")); ok {
		return now.Add(-d), nil
	}
	return time.Time{}, hint(fmt.Errorf("cannot read %s %q as a time", flag, text),
		`for example -10min, 2h, today, 05:06, "2026-03-04 05:06" or 2026-03-04T05:06:07Z`)
}

// parseSpan reads a sum of spans.
func parseSpan(s string) (time.Duration, bool) {
	var sum time.Duration
	for s != "" {
		m := span.FindStringSubmatch(s)
		if m == nil {
			return 0, false
		}
		n, err := strconv.ParseFloat(m[1], 64)
		unit := spanUnit(m[2])
		if err != nil || unit == 0 || n*float64(unit) > float64(100*365*24*time.Hour) {
			return 0, false
		}
		sum += time.Duration(n * float64(unit))
		s = s[len(m[0]):]
	}
	return sum, sum > 0
}

func spanUnit(s string) time.Duration {
	switch s {
	case "ms", "msec":
		return time.Millisecond
	case "s", "sec", "second", "seconds":
		return time.Second
	case "m", "min", "minute", "minutes":
		return time.Minute
	case "h", "hr", "hour", "hours":
		return time.Hour
	case "d", "day", "days":
		return 24 * time.Hour
	case "w", "week", "weeks":
		return 7 * 24 * time.Hour
	}
	return 0
}

// severities are syslog's, by their numbers.
var severities = []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// parsePriority reads a severity as the gravest number that is kept, or, for a
// range and for 0, as matches of the journal.
func parsePriority(s string) (most int, matches []string, err error) {
	if s == "" {
		return 0, nil, nil
	}
	from, to, ranged := strings.Cut(s, "..")
	a, okA := severity(from)
	b, okB := a, okA
	if ranged {
		b, okB = severity(to)
	}
	if !okA || !okB {
		return 0, nil, hint(fmt.Errorf("cannot use priority %q: it is no severity", s), "they are %s", joined(severities))
	}
	if !ranged && a > 0 {
		return a, nil, nil
	}
	for p := min(a, b); p <= max(a, b); p++ {
		matches = append(matches, "PRIORITY="+strconv.Itoa(p))
	}
	return 0, matches, nil
}

func severity(s string) (int, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if x, ok := map[string]string{"error": "err", "warn": "warning", "critical": "crit", "emergency": "emerg"}[s]; ok {
		s = x
	}
	for i, name := range severities {
		if s == name || s == strconv.Itoa(i) {
			return i, true
		}
	}
	return 0, false
}

func joined(list []string) string { return strings.Join(list, ", ") }
