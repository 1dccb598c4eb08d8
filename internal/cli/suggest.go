package cli

import "strings"

// nearest returns the word of list that x was likely meant to be, or "".
func nearest(x string, list []string) string {
	best, at := "", 1+max(2, len(x)/3)
	for _, w := range list {
		d := distance(strings.ToLower(x), strings.ToLower(w))
		if _, last, ok := strings.Cut(w, "/"); ok { // an ID by its last part
			d = min(d, distance(strings.ToLower(x), last))
		}
		if len(x) >= 4 && strings.Contains(strings.ToLower(w), strings.ToLower(x)) {
			d = min(d, 1)
		}
		if d < at {
			best, at = w, d
		}
	}
	return best
}

// distance is the number of letters to change, add or drop (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
