package eval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Store is a file of results, one in a line, to which every result is added
// as it comes, so that a run that ends early has lost nothing.
type Store struct {
	Path string
	mu   sync.Mutex
}

// Evidence is where the evidence of a case is kept that a version gathered.
func (s *Store) Evidence(c Case, tool string) string {
	return filepath.Join(strings.TrimSuffix(s.Path, filepath.Ext(s.Path))+".evidence", plain(tool), c.File())
}

// Load reads the results. A file that is not there holds none; a torn last
// line is left out.
func (s *Store) Load() ([]Result, error) {
	f, err := os.Open(s.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Result
	in := bufio.NewScanner(f)
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		var r Result
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			continue
		}
		out = append(out, r)
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("cannot read the results in %s: %w", s.Path, err)
	}
	return out, nil
}

// Add appends a result.
func (s *Store) Add(r Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o755); err != nil {
		return err
	}
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot keep a result: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	return errors.Join(err, f.Close())
}

// Again is the result of a case that an earlier version asked a lab about, for
// another version to hear what was kept of it; false where there is none. A
// repair that went well counts as that version's, and no other.
func Again(c Case, results []Result, tool string) (Result, bool) {
	for _, r := range slices.Backward(results) {
		if r.Tool != tool && r.Case.Kind == c.Kind && r.Case.String() == c.String() && r.Failed == "" && r.Mute == "" && r.Kept == "" {
			if r.Mended.Sound() {
				by := *r.Mended
				by.By = r.Tool
				r.Mended = &by
			} else {
				r.Mended = nil
			}
			r.Kept, r.Tool = r.Tool, tool
			return r, true
		}
	}
	return Result{}, false
}

// Todo are the cases that results have no verdict on by that version of the
// tool, nor, of a fault alone, on its repair where that is wanted.
func Todo(cases []Case, results []Result, tool string, mend bool) []Case {
	done := map[string]bool{}
	for _, r := range results {
		if r.Tool == tool && r.Failed == "" && (!mend || r.Mended != nil || r.Case.Kind != Single) {
			done[string(r.Case.Kind)+r.Case.String()] = true
		}
	}
	var out []Case
	for _, c := range cases {
		if !done[string(c.Kind)+c.String()] {
			out = append(out, c)
		}
	}
	return out
}
