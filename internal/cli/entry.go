package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/drill"
	"github.com/klustered/klustered/lab/oracle"
)

// An entry is the runbook entry of one repair: what was noticed, what it came
// from, what was done, and what proves it. It lies on the host, so that the
// next person on call finds it.
type entry struct {
	drill   *drill.Drill
	session *drill.Session
	path    string
	seen    string // the diagnosis as Markdown, a file of its own until the end
	done    bytes.Buffer
}

func newEntry(d *drill.Drill, s *drill.Session) (*entry, error) {
	dir := filepath.Join(labDir(), "runbook")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make the runbook's folder: %w", err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.md", strings.ReplaceAll(d.Name, "/", "-"), s.Seed))
	return &entry{drill: d, session: s, path: path, seen: path + ".seen"}, nil
}

func (e *entry) close() { os.Remove(e.seen) }

// write puts the entry together.
func (e *entry) write(proof []oracle.Result) (string, error) {
	seen, err := os.ReadFile(e.seen)
	if err != nil {
		return "", fmt.Errorf("cannot read the diagnosis for the runbook entry: %w", err)
	}
	if err := os.WriteFile(e.path, []byte(e.text(string(seen), proof, time.Now())), 0o644); err != nil {
		return "", fmt.Errorf("cannot write the runbook entry: %w", err)
	}
	return e.path, nil
}

func (e *entry) text(seen string, proof []oracle.Result, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", e.drill.Title)
	fmt.Fprintf(&b, "Drill %s, seed %d, lab %s, node %s. Broken %s, repaired %s (%s).\n\n", e.drill.Name, e.session.Seed,
		e.session.Lab, e.session.Node, utc(e.session.Started), utc(now), now.Sub(e.session.Started).Round(time.Second))
	fmt.Fprintf(&b, "## Symptom\n\n%s\n\n", e.drill.Situation)
	fmt.Fprintf(&b, "## Hypothesis and evidence\n\n%s\n\n", deeper(strings.TrimSpace(seen)))
	fmt.Fprintf(&b, "## Repair\n\n```\n%s\n```\n\n", strings.TrimSpace(e.done.String()))
	b.WriteString("## Proof\n\n")
	for _, r := range proof {
		mark := "x"
		if r.Err != nil {
			mark = " "
		}
		fmt.Fprintf(&b, "- [%s] %s\n", mark, r.Name)
	}
	fmt.Fprintf(&b, "\n## Undo\n\n    klustered undo --lab %s\n", e.session.Lab)
	return b.String()
}

// deeper moves the headings of a text two levels down.
func deeper(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "#") {
			lines[i] = "##" + l
		}
	}
	return strings.Join(lines, "\n")
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
