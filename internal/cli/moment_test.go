package cli

import (
	"slices"
	"testing"
	"time"
)

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"2026-03-01T00:00:00+01:00": time.Date(2026, 2, 28, 23, 0, 0, 0, time.UTC),
		"2026-03-01 10:20":          time.Date(2026, 3, 1, 10, 20, 0, 0, time.UTC),
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC),
		"-10min":                    now.Add(-10 * time.Minute), "10m": now.Add(-10 * time.Minute),
		"1h 30min ago": now.Add(-90 * time.Minute), "1.5d": now.Add(-36 * time.Hour), "-2h": now.Add(-2 * time.Hour),
		"today": time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC), "yesterday": time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC),
		"04:05": time.Date(2026, 3, 4, 4, 5, 0, 0, time.UTC), "23:50:10": time.Date(2026, 3, 3, 23, 50, 10, 0, time.UTC),
		"now": now, "": {},
	} {
		if got, err := parseMoment("--since", in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"soon", "10", "-", "10 parsecs", "99999999999d", "2026-13-01"} {
		if _, err := parseMoment("--since", in, now); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}

func TestParsePriority(t *testing.T) {
	for in, want := range map[string]int{"": 0, "err": 3, "error": 3, "7": 7, "warning": 4} {
		if got, m, err := parsePriority(in); got != want || m != nil || err != nil {
			t.Errorf("%q: %d %v %v", in, got, m, err)
		}
	}
	for in, want := range map[string][]string{"emerg": {"PRIORITY=0"}, "err..warning": {"PRIORITY=3", "PRIORITY=4"}} {
		if _, m, err := parsePriority(in); !slices.Equal(m, want) || err != nil {
			t.Errorf("%q: %v %v", in, m, err)
		}
	}
}

func FuzzParseMoment(f *testing.F) {
	f.Add("-10min")
	f.Fuzz(func(t *testing.T, s string) { parseMoment("--since", s, time.Unix(0, 0)) })
}
