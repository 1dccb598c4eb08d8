package crilog

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
)

const (
	blockSize = 64 << 10
	// DefaultBytes is how far back a log is read if nothing else is asked.
	DefaultBytes = 8 << 20
	maxLine      = 1 << 20 // of a joined line; the rest is cut off
)

// A Line is what a container wrote up to a newline.
type Line struct {
	Record
	Path    string // below the root
	Offset  int64  // in bytes, where its first record begins
	FromEnd int    // counted from the end of the file, the last line is 1
}

// A Limit says how much of the end of a log is wanted.
type Limit struct {
	Lines int   // 0 for all within Bytes
	Bytes int64 // 0 for DefaultBytes
}

// Tail reads the last lines of the log at name, the oldest first, without
// reading what comes before. A line in neither form is returned as it is, with
// no time and no stream. The files of root must implement io.ReaderAt.
func Tail(root fs.FS, name string, limit Limit) ([]Line, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot open log %q: %w", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("cannot stat log %q: %w", name, err)
	}
	r, ok := f.(io.ReaderAt)
	if !ok || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read log %q: it is no regular file", name)
	}
	if limit.Bytes <= 0 {
		limit.Bytes = DefaultBytes
	}
	data, from, err := readBack(r, info.Size(), limit)
	if err != nil {
		return nil, fmt.Errorf("cannot read log %q: %w", name, err)
	}
	return join(data, name, from, limit.Lines), nil
}

// readBack reads blocks from the end until it has enough lines, and cuts off
// the part of a line it began in. It returns the offset of the first byte.
func readBack(r io.ReaderAt, size int64, limit Limit) ([]byte, int64, error) {
	least := max(0, size-limit.Bytes)
	var blocks [][]byte
	from, full := size, 0
	for from > least && (limit.Lines == 0 || full <= limit.Lines) {
		n := min(blockSize, from-least)
		b := make([]byte, n)
		// A log that was rotated meanwhile is shorter: what is left is read.
		got, err := r.ReadAt(b, from-n)
		if err != nil && err != io.EOF {
			return nil, 0, err
		}
		from -= n
		blocks = append(blocks, b[:got])
		full += countFull(b[:got])
	}
	var data []byte
	for i := len(blocks) - 1; i >= 0; i-- {
		data = append(data, blocks[i]...)
	}
	if from > 0 {
		cut := bytes.IndexByte(data, '\n') + 1
		data, from = data[cut:], from+int64(cut)
	}
	return data, from, nil
}

// countFull counts the lines that end in b, those of partial records aside.
func countFull(b []byte) int {
	return bytes.Count(b, []byte("\n")) - bytes.Count(b, []byte(" stdout P ")) - bytes.Count(b, []byte(" stderr P "))
}

// join makes lines of records.
func join(data []byte, name string, from int64, last int) []Line {
	var lines []Line
	j := Joiner{Path: name}
	for len(data) > 0 {
		raw, rest, whole := bytes.Cut(data, []byte("\n"))
		at := from
		from += int64(len(data) - len(rest))
		data = rest
		if l, ok := j.Add(raw, at, whole); ok {
			lines = append(lines, l)
		}
	}
	return number(append(lines, j.Rest()...), last)
}

func number(lines []Line, last int) []Line {
	if last > 0 && len(lines) > last {
		lines = lines[len(lines)-last:]
	}
	for i := range lines {
		lines[i].FromEnd = len(lines) - i
	}
	return lines
}
