package repair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/op"
)

// A Preview is one op as a person is shown it before it is made.
type Preview struct {
	Line   string  `json:"line"`
	Diff   string  `json:"diff,omitempty"`   // unified, with secrets replaced
	Risk   op.Risk `json:"risk,omitempty"`   // to be accepted by name
	OneWay string  `json:"oneWay,omitempty"` // what an undo leaves
	// Error says that the op cannot be made as planned. Where an earlier op of
	// the plan makes the ground for this one, there is none.
	Error string `json:"error,omitempty"`

	room int // bytes that it takes in a journal, at most
}

// Look returns what the plan would do to m, and changes nothing. The error is
// [op.ErrChanged] when the ground has moved under one of its ops.
func Look(ctx context.Context, m op.Machine, plan op.Plan) ([]Preview, error) {
	var all []Preview
	var moved []error
	touched := map[string]bool{}
	for _, o := range plan {
		p := Preview{Line: o.String()}
		if r, ok := o.(op.Risky); ok {
			p.Risk = r.Risk()
		}
		if w, ok := o.(op.OneWay); ok {
			p.OneWay = w.OneWay()
		}
		t := target(o)
		state, err := o.Before(ctx, m)
		p.room = room(o, state, err)
		switch {
		case err == nil:
			p.Diff = diff(o, state)
		case t != "" && touched[t] || grounded(o, touched):
		default:
			p.Error = err.Error()
			if errors.Is(err, op.ErrChanged) {
				moved = append(moved, err)
			}
		}
		touched[t] = true
		all = append(all, p)
	}
	return all, errors.Join(moved...)
}

// room bounds what an op takes in a journal, in bytes: what it is, the state
// before it, and that it was made and unmade.
func room(o op.Op, state op.State, err error) int {
	data, _ := json.Marshal(o) // op.Apply tells of one that cannot be encoded
	n := len(data) + len(state) + 1<<10
	if c, ok := o.(op.CreateObject); ok { // what the API server makes of it
		n += 2*len(c.Body) + 4<<10
	}
	if err != nil { // what is there then is not known yet
		n += len(data) + 64<<10
	}
	return n
}

// grounded reports whether an earlier op of the plan makes what o starts from.
func grounded(o op.Op, touched map[string]bool) bool {
	c, ok := o.(op.CopyFile)
	return ok && touched[c.From]
}

// maxDiff bounds the size in bytes of a text that is compared.
const maxDiff = 256 << 10

// diff is the unified diff of what o does to a text, or "".
func diff(o op.Op, state op.State) string {
	d, ok := o.(op.Differ)
	if !ok {
		return ""
	}
	return unified(d.Texts(state))
}

// unified is the diff of two texts, with secrets replaced.
func unified(name string, before, after []byte) string {
	if len(before)+len(after) > maxDiff || !utf8.Valid(before) || !utf8.Valid(after) || strings.ContainsRune(string(before)+string(after), 0) {
		return fmt.Sprintf("(%s is no text that can be shown: %d bytes before, %d after)\n", name, len(before), len(after))
	}
	return udiff.Unified(name, name, secret.Scrub(string(before)), secret.Scrub(string(after)))
}
