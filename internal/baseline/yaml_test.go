package baseline

import (
	"bytes"
	"encoding/json"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestYAML holds that every text comes back from the repository as a text, and
// every number as what it was.
func TestYAML(t *testing.T) {
	for _, s := range []string{
		"", " ", "~", "null", "Null", "true", "Yes", "on", "off", "y", "n", "0o17", "017", "0b11", "0x1F", "1_000", "1_0.5", "+1", "-0", "1e3", "1.", ".5", ".inf", "-.Inf", ".nan",
		"12:30", "190:20:30", "2026-01-02", "2026-01-02T03:04:05Z", "2026-1-2 3:4:5", "<<", "=", "*", "*a", "&a", "!a", "!!str", "|", ">", "%a", "@a", "`a", "- a", "-", "? a", ": a", "a: b", "a #b", "#",
		"[a]", "{a}", "'", "\"", "\\", "a\nb", "a\nb\n", "a\n\n\nb\n\n", "\n", "\na", "  a\nb", " a", "a ", "a \nb", "\ta", "a\tb\nc", "a\r\nb", "\r", "\u0085", "\u2028", "\ufeff", "\u00a0", "\x7f", "\U0001f600", "---", "...", "--- a",
		"object.spec.x > 1 &&\n  has(object.y)\n# no\n", "key: |\n  x", "line one that is rather long, so that a writer may want to fold it at the eightieth column or thereabouts, as some do",
	} {
		body, err := json.Marshal(map[string]any{"text": s, "list": []any{s, map[string]any{s + "k": s}}})
		if err != nil {
			t.Fatal(err)
		}
		exact(t, body)
	}
	for _, n := range []string{"0", "-1", "10", "1.5", "1e3", "1e21", "9007199254740993", "18446744073709551615", "0.1", "true", "null", "[]", "{}", "[[1],[]]", "[null]"} {
		exact(t, []byte(`{"n":`+n+`,"l":[`+n+`]}`))
	}
}

// exact writes and reads what is JSON.
func exact(t *testing.T, text []byte) {
	t.Helper()
	var is map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	was, ok := numbers(v).(map[string]any)
	if !ok {
		return
	}
	out, err := Object{Body: was}.YAML()
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if err := yaml.Unmarshal(out, &is); err != nil || !same(was, is) {
		t.Errorf("%s is kept as\n%sand read as %v, %v", text, out, is, err)
	}
}

func FuzzYAML(f *testing.F) {
	f.Add([]byte(`{"a":"b","c":["0o17",{"d":"x\n y"}],"e":1.5}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v map[string]any
		if json.Unmarshal(text, &v) == nil {
			exact(t, text)
		}
	})
}
