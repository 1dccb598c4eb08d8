package crilog

// A Joiner makes lines of the records of one file; records of the two streams
// may alternate.
type Joiner struct {
	Path string
	open map[string]*Line
}

// Add takes the next record, which began at an offset; whole says that it had
// its newline. It returns a line when one is complete. What is no record is a
// line with no time and no stream, if it is whole.
func (j *Joiner) Add(raw []byte, at int64, whole bool) (Line, bool) {
	rec, err := Parse(raw)
	if err != nil {
		rec = Record{Text: string(raw[:min(len(raw), maxLine)])}
		return Line{Record: rec, Path: j.Path, Offset: at}, whole && len(raw) > 0
	}
	l := j.open[rec.Stream]
	if l == nil && !rec.Partial {
		return Line{Record: rec, Path: j.Path, Offset: at}, true
	}
	if l == nil {
		l = &Line{Record: rec, Path: j.Path, Offset: at}
		if j.open == nil {
			j.open = map[string]*Line{}
		}
		j.open[rec.Stream] = l
	} else {
		l.Text += rec.Text[:min(len(rec.Text), max(0, maxLine-len(l.Text)))]
	}
	if l.Partial = rec.Partial; rec.Partial {
		return Line{}, false
	}
	delete(j.open, rec.Stream)
	return *l, true
}

// Rest returns the lines that are still being written.
func (j *Joiner) Rest() []Line {
	var lines []Line
	for _, stream := range []string{"stdout", "stderr"} {
		if l := j.open[stream]; l != nil {
			lines = append(lines, *l)
		}
	}
	j.open = nil
	return lines
}
