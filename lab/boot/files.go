package boot

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
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

// values are what the placeholders of a file stand for.
type values map[string]string

// render fills in one of the embedded files: ${Name} becomes its value, and a
// line that is nothing but a placeholder of an empty value is left out. There
// is no text/template here: what it can reach by name stays in the binary, a
// seventh of its size.
func render(name string, v values) (string, error) {
	data, err := files.ReadFile("files/" + name)
	if err != nil {
		return "", fmt.Errorf("cannot read %q: %w", name, err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		filled, err := fill(line, v)
		if err != nil {
			return "", fmt.Errorf("cannot fill in %q: %w", name, err)
		}
		if filled == "\n" && line != "\n" {
			continue
		}
		b.WriteString(filled)
	}
	return b.String(), nil
}

// fill replaces the placeholders of a line.
func fill(line string, v values) (string, error) {
	var unknown error
	out := os.Expand(line, func(key string) string {
		value, ok := v[key]
		if !ok {
			unknown = fmt.Errorf("nothing is given for ${%s}", key)
		}
		return value
	})
	return out, unknown
}
