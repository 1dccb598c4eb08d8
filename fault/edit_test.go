package fault

import (
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestEditLines(t *testing.T) {
	for name, tc := range map[string]struct {
		content  string
		from, to int
		with     []string
		want     string // "" when it fails
	}{
		"replace":           {"a\nb\nc\n", 2, 2, []string{"B", "bb"}, "a\nB\nbb\nc\n"},
		"insert":            {"a\nb\n", 2, 1, []string{"x"}, "a\nx\nb\n"},
		"append":            {"a\nb", 3, 2, []string{"x"}, "a\nb\nx\n"},
		"remove":            {"a\nb\nc", 1, 2, nil, "c"},
		"last without end":  {"a\nb", 2, 2, []string{"x"}, "a\nx\n"},
		"no such line":      {"a\n", 2, 2, nil, ""},
		"before the first":  {"a\n", 0, 1, nil, ""},
		"wrong way round":   {"a\nb\nc\n", 3, 1, nil, ""},
		"into an empty one": {"", 1, 0, []string{"x"}, "x\n"},
	} {
		w, err := EditLines(text("/f", tc.content), tc.from, tc.to, tc.with, "why")
		if (err == nil) != (tc.want != "") || err == nil && string(w.Data) != tc.want {
			t.Errorf("%s: %q, %v; want %q", name, w.Data, err, tc.want)
		}
	}
	cut := text("/f", "a\nb\n")
	cut.Content = "a\n"
	if _, err := EditLines(cut, 1, 1, nil, "why"); err == nil {
		t.Error("a file that was not read whole is written")
	}
}

func TestRewriteKeepsTheFile(t *testing.T) {
	f := snapshot.Text{Path: "/f", Mode: 0o640, UID: 3, GID: 4, Content: "a\n", SHA256: text("/f", "a\n").SHA256}
	w, err := Rewrite(f, "b\n", "why")
	if err != nil || w.Mode != 0o640 || w.UID != 3 || w.GID != 4 || w.Pin != f.SHA256 {
		t.Errorf("%+v, %v", w, err)
	}
}
