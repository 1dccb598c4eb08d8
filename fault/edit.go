package fault

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Rewrite plans that the file t holds data, with the mode and the owner that
// it has. It fails where t is not the file's true bytes: what was cut or kept
// secret cannot be written back.
func Rewrite(t snapshot.Text, data, why string) (op.WriteFile, error) {
	if !t.Whole() {
		return op.WriteFile{}, fmt.Errorf("cannot change %s: its content was not read whole", t.Path)
	}
	return op.WriteFile{
		Path: t.Path, Pin: Pin(t), Data: []byte(data), Mode: fs.FileMode(t.Mode), UID: int(t.UID), GID: int(t.GID), Why: why,
	}, nil
}

// EditLines plans that lines from to to of t, counted from 1 and both
// included, are replaced by those of with. With to below from, they are
// inserted before from; without any in with, the lines go.
func EditLines(t snapshot.Text, from, to int, with []string, why string) (op.WriteFile, error) {
	lines := strings.SplitAfter(t.Content, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if from < 1 || to < from-1 || to > len(lines) {
		return op.WriteFile{}, fmt.Errorf("cannot change %s: it has no lines %d to %d", t.Path, from, to)
	}
	if n := len(lines); n > 0 && from > n {
		lines[n-1] = strings.TrimSuffix(lines[n-1], "\n") + "\n"
	}
	added := make([]string, len(with))
	for i, l := range with {
		added[i] = l + "\n"
	}
	return Rewrite(t, strings.Join(slices.Replace(lines, from-1, to, added...), ""), why)
}

// Remove plans that the file t is gone.
func Remove(t snapshot.Text, why string) op.RemoveFile {
	return op.RemoveFile{Path: t.Path, Pin: Pin(t), Why: why}
}
