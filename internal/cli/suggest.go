package cli

import "strings"

// nearest returns the word of list that x was likely meant to be, or "".
func nearest(x string, list []string) string {
	best, at := "", 1+max(2, len(x)/3)
	x = bare(x)
	for _, w := range list {
		d := distance(x, bare(w))
		if _, last, ok := strings.Cut(w, "/"); ok { // an ID by its last part
			d = min(d, distance(x, bare(last)))
		}
		if len(x) >= 4 && strings.Contains(bare(w), x) {
			d = min(d, 1)
		}
		if d < at {
			best, at = w, d
		}
	}
	return best
}

// bare is a word as it is compared.
func bare(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "") }

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
