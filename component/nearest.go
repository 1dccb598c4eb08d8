package component

import (
	"slices"
	"strconv"
	"strings"
)

// Nearest returns the one of names that is most like name, or "" when none is
// like it: more than a third of it would have to be changed.
func Nearest(name string, names []string) string {
	best, far := "", max(2, len(name)/3)+1
	slices.Sort(names)
	for _, n := range names {
		if abs(len(n)-len(name)) >= far || len(n) > 128 {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < far {
			best, far = n, d
		}
	}
	return best
}

// distance counts the letters to be added, dropped, replaced or swapped with
// their neighbour to make b of a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

func abs(n int) int { return max(n, -n) }

// like names what may have been meant.
func like(name string) string {
	if name == "" {
		return ""
	}
	return ", which has " + name
}

func quote(s string) string {
	if len(s) > 128 {
		s = s[:128] + "..."
	}
	return strconv.Quote(s)
}

func parseBool(s string) (bool, error) { return strconv.ParseBool(s) }
