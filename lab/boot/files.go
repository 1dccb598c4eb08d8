package boot

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"strings"
	"text/template"
)

//go:embed files
var files embed.FS

// Key changes when what a boot writes into its nodes does.
func Key() string {
	h := sha256.New()
	fmt.Fprint(h, ignored, probeOften)
	entries, _ := files.ReadDir("files")
	for _, e := range entries {
		data, _ := files.ReadFile("files/" + e.Name())
		fmt.Fprintf(h, "%s %d %s", e.Name(), len(data), data)
	}
	return hex.EncodeToString(h.Sum(nil))[:8]
}

// render fills in one of the embedded files.
func render(name string, data any) (string, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(files, "files/"+name)
	if err != nil {
		return "", fmt.Errorf("cannot read template %q: %w", name, err)
	}
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("cannot fill in %q: %w", name, err)
	}
	return b.String(), nil
}
