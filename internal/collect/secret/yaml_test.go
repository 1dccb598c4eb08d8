package secret

import (
	"strings"
	"testing"
)

const manifest = `spec:
  automountServiceAccountToken: false
  containers:
  - args: ["--password", "hunter2", "--port", "8080"]
    env:
    - name: DB_PASSWORD
      value: letmein
    - name: LEVEL
      value: debug
    - name: TOKEN_FILE
      value: /run/token
`

func TestYAML(t *testing.T) {
	got := YAML(manifest)
	for _, gone := range []string{"hunter2", "letmein"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q stays: %s", gone, got)
		}
	}
	for _, stays := range []string{"Token: false", "8080", "value: debug", "/run/token", "name: DB_PASSWORD"} {
		if !strings.Contains(got, stays) {
			t.Errorf("%q is gone: %s", stays, got)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add(manifest)
	f.Add("users:\n- user: {token: |\n  x\n}")
	f.Fuzz(func(t *testing.T, text string) {
		if got := YAML(text); strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("lines moved: %q", got)
		}
	})
}

// TestYAMLOfSeveral: a file may hold several documents, and each may hold
// secrets.
func TestYAMLOfSeveral(t *testing.T) {
	const value = "correct horse battery"
	text := "kind: Pod\n---\nkind: Pod\nspec:\n  containers:\n  - env:\n    - name: DB_PASSWORD\n      value: " + value + "\n---\npassword: |\n  " + value + "\n"
	got := YAML(text)
	if strings.Contains(got, value) || strings.Count(got, "\n") != strings.Count(text, "\n") || !strings.HasPrefix(got, "kind: Pod\n---\nkind: Pod\n") {
		t.Errorf("got\n%s", got)
	}
}
