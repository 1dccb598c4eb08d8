package metric

import "testing"

func TestParse(t *testing.T) {
	for line, want := range map[string]struct {
		name, labels string
		value        float64
		ok           bool
	}{
		`up 1`:                        {"up", "", 1, true},
		`x_bucket{le="+Inf",a="b"} 3`: {"x_bucket", `le="+Inf",a="b"`, 3, true},
		`x{a="b c"} 2.5e-3`:           {"x", `a="b c"`, 0.0025, true},
		`# HELP x what it is`:         {},
		``:                            {},
		`word`:                        {},
		`x{} many`:                    {"x", "", 0, false},
	} {
		name, labels, value, ok := Parse(line)
		if name != want.name || labels != want.labels || value != want.value || ok != want.ok {
			t.Errorf("%q: got %q %q %v %t", line, name, labels, value, ok)
		}
	}
}

func TestLabel(t *testing.T) {
	const labels = `subresource="status",resource="pods",verb="PUT"`
	for name, want := range map[string]string{"resource": "pods", "subresource": "status", "verb": "PUT", "group": "", "source": ""} {
		if got := Label(labels, name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`x{le="0.1",a="\"} 1`)
	f.Fuzz(func(_ *testing.T, line string) {
		_, labels, _, _ := Parse(line)
		Label(labels, "a")
	})
}
