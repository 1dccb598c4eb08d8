package op

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Header is the first line of a journal: what the plan was for.
type Header struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	Title  string    `json:"title"`
	Node   string    `json:"node,omitempty"`
	Faults []string  `json:"faults,omitempty"` // IDs
	Tool   string    `json:"tool,omitempty"`   // version of klustered
	// Makes says that what a [Maker] makes is recorded.
	Makes bool `json:"makes,omitempty"`
}

// A Log is where a journal is kept. Sync must not return before what was
// written is on disk.
type Log interface {
	io.Writer
	Sync() error
}

// A Follower is a Log that is told of each op as it is recorded; state is
// "will", "did" or "undid".
type Follower interface {
	Log
	Follow(state string, o Op)
}

// An End is how a journal was closed.
type End string

// The ends.
const (
	Kept   End = "kept"   // the changes were found good
	Undone End = "undone" // every op was undone
)

// A record is one line of a journal. An op has a "will" record with the state
// it is about to overwrite, on disk before it runs, then, of a [Maker], a "made"
// record, then a "did" record, and an "undid" record once it is undone.
type record struct {
	State  string          `json:"state"` // begin, will, made, did, undid, kept, undone
	Header *Header         `json:"header,omitempty"`
	Seq    int             `json:"seq"`
	Kind   string          `json:"kind,omitempty"`
	Op     json.RawMessage `json:"op,omitempty"`
	Before State           `json:"before,omitempty"`
	Made   State           `json:"made,omitempty"`
	Note   string          `json:"note,omitempty"`
}

// A Journal is what a journal says. The zero Journal is an empty one.
type Journal struct {
	Header Header
	Steps  []Step
	End    End    // "" when it was not closed: the process died, or is at work
	Note   string // why it ended so
	// Size is the length in bytes of its whole lines. What follows is a line
	// cut short, and is to be cut off before more is written.
	Size int64
	// Torn reports that the last line was cut short.
	Torn bool

	sum string
}

// A Step is one op of a journal.
type Step struct {
	Op     Op
	Before State
	Made   State // what a [Maker] made; nil in a journal that does not say
	Did    bool
	Undid  bool
}

// begun is a step of which nothing is made yet.
func begun(o Op, before State, makes bool) Step {
	s := Step{Op: o, Before: before}
	if _, ok := o.(Maker); ok && makes {
		s.Made = unmade
	}
	return s
}

// Open are the steps that are not undone.
func (j Journal) Open() int {
	n := 0
	for _, s := range j.Steps {
		if !s.Undid {
			n++
		}
	}
	return n
}

const sumMark = `,"sum":"`

// chain returns the sum of a line: it covers all lines before it, so that one
// that is missing or changed is noticed.
func chain(before string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(before))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// A recorder appends records. A line of which not all could be written, or
// brought to the disk, is cut off again: more lines behind it would make the
// journal damaged. Where it cannot be cut off nothing more is written.
type recorder struct {
	log    Log
	sum    string
	broken error // why nothing more is written
}

// A cutter is a Log that can be cut off, as a file can.
type cutter interface {
	io.Seeker
	Truncate(size int64) error
}

// cut takes the last n bytes off again.
func cut(log Log, n int) error {
	if n == 0 {
		return nil
	}
	c, ok := log.(cutter)
	if !ok {
		return errors.New("its last line is not whole")
	}
	at, err := c.Seek(-int64(n), io.SeekCurrent)
	if err != nil {
		return err
	}
	return c.Truncate(at)
}

func (r *recorder) write(x record) error {
	body, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("cannot encode a journal record: %w", err)
	}
	sum := chain(r.sum, body)
	line := append(body[:len(body)-1:len(body)-1], sumMark+sum+"\"}\n"...)
	if r.broken != nil {
		return fmt.Errorf("cannot write the journal: %w", r.broken)
	}
	n, err := r.log.Write(line)
	if err == nil {
		err = r.log.Sync()
	}
	if err != nil {
		r.broken = cut(r.log, n)
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	r.sum = sum
	return nil
}

func (r *recorder) step(state string, seq int, o Op, before State) error {
	x := record{State: state, Seq: seq}
	if state == "will" {
		data, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("cannot encode op %q: %w", o, err)
		}
		x.Kind, x.Op, x.Before = o.Kind(), data, before
	}
	if err := r.write(x); err != nil {
		return err
	}
	if f, ok := r.log.(Follower); ok {
		f.Follow(state, o)
	}
	return nil
}

// ReadJournal reads a journal. A last line that was cut short is left out: its
// op had not begun, or had ended. Any other damage is an error.
func ReadJournal(from io.Reader) (Journal, error) {
	var j Journal
	r := bufio.NewReader(from)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			j.Torn = len(line) > 0
			return j, nil
		case err != nil:
			return j, fmt.Errorf("cannot read the journal: %w", err)
		}
		if err := j.add(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return j, fmt.Errorf("cannot read line %d of the journal: %w", n, err)
		}
		j.Size += int64(len(line))
	}
}

// add takes one whole line in.
func (j *Journal) add(line []byte) error {
	at := strings.LastIndex(string(line), sumMark)
	if at < 0 {
		return errors.New("it is damaged: it has no sum")
	}
	body := append(bytes.Clone(line[:at]), '}')
	j.sum = chain(j.sum, body)
	if string(line[at:]) != sumMark+j.sum+`"}` {
		return errors.New("it is damaged, or a line before it is missing: its sum is wrong")
	}
	var x record
	if err := json.Unmarshal(body, &x); err != nil {
		return err
	}
	return j.take(x)
}

func (j *Journal) take(x record) error {
	switch x.State {
	case "begin":
		if x.Header != nil {
			j.Header = *x.Header
		}
		return nil
	case "will":
		o, err := decode(x.Kind, x.Op)
		if err == nil && x.Seq != len(j.Steps) {
			err = fmt.Errorf("op %d is out of order", x.Seq)
		}
		j.Steps = append(j.Steps, begun(o, x.Before, j.Header.Makes))
		return err
	case "kept", "undone":
		j.End, j.Note = End(x.State), x.Note
		return nil
	}
	if x.Seq < 0 || x.Seq >= len(j.Steps) {
		return fmt.Errorf("it speaks of op %d, which the journal does not have", x.Seq)
	}
	switch x.State {
	case "made":
		j.Steps[x.Seq].Made = x.Made
	case "did":
		j.Steps[x.Seq].Did = true
	case "undid":
		j.Steps[x.Seq].Undid = true
	default:
		return fmt.Errorf("this version does not know the state %q", x.State)
	}
	return nil
}
