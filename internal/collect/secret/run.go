package secret

import (
	"slices"
	"strings"
)

// may reports whether a pattern that ignores case and needs one of the words,
// which are in lower case, could match text.
func may(text string, words ...string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return true // some letters of other alphabets are folded to ASCII
		}
	}
	low := strings.ToLower(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(low, w) })
}

// minRun is how many letters of base64 in a row are looked into.
const minRun = 40

// scrubRuns replaces the long runs of base64 that are [Sensitive].
func scrubRuns(text string) string {
	var out strings.Builder
	kept := 0
	for i := 0; i < len(text); i++ {
		end := i
		for end < len(text) && inBase64(text[end]) {
			end++
		}
		if end-i >= minRun {
			for n := 0; n < 2 && end < len(text) && text[end] == '='; n++ {
				end++
			}
			if Sensitive(text[i:end]) {
				out.WriteString(text[kept:i] + Mark(text[i:end]))
				kept = end
			}
		}
		i = max(i, end-1)
	}
	if kept == 0 {
		return text
	}
	return out.String() + text[kept:]
}

// inBase64 reports whether c is a letter of one of the base64 alphabets.
func inBase64(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '_' || c == '-'
}
