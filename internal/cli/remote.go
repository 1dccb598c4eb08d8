package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/harden"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/op"
)

// there changes a node through an agent that is put on it.
type there struct{ node transport.Node }

// An answer is one line of what an agent writes: a step, or the end.
type answer struct {
	Step   *step           `json:"step,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *failure        `json:"error,omitempty"`
}

// A failure is an error that has crossed to another process.
type failure struct {
	Message string    `json:"message"`
	Kind    string    `json:"kind,omitempty"` // changed, busy, nothing, risk
	Hint    string    `json:"hint,omitempty"`
	Risks   []op.Risk `json:"risks,omitempty"`
}

// kinds are the errors that keep their identity on the way.
func kinds() map[string]error {
	return map[string]error{"changed": op.ErrChanged, "busy": repair.ErrBusy, "nothing": repair.ErrNothing, "room": op.ErrNoRoom, "full": unix.ENOSPC, "readonly": unix.EROFS}
}

func newFailure(err error) *failure {
	f := &failure{Message: err.Error()}
	for kind, is := range kinds() {
		if errors.Is(err, is) {
			f.Kind = kind
		}
	}
	var h *hinted
	if errors.As(err, &h) {
		f.Hint = h.hint
	}
	var r *repair.RiskError
	if errors.As(err, &r) {
		f.Kind, f.Risks = "risk", r.Risks
	}
	return f
}

// A told is an error of an agent.
type told struct {
	text string
	is   error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.is }

func (f *failure) err() error {
	var err error = &told{f.Message, kinds()[f.Kind]}
	if f.Kind == "risk" {
		err = &repair.RiskError{Risks: f.Risks}
	}
	if f.Hint != "" {
		err = hint(err, "%s", f.Hint)
	}
	return err
}

// ask runs an agent's command, hands on its steps, and decodes its result
// into out even when the command failed.
func (t there) ask(ctx context.Context, in, out any, follow func(step), args ...string) error {
	streams := transport.Streams{}
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("cannot send the order: %w", err)
		}
		streams.In = bytes.NewReader(data)
	}
	r, w := io.Pipe()
	streams.Out = w
	ended := make(chan error, 1)
	go func() {
		err := t.node.Run(ctx, streams, append([]string{"agent"}, args...)...)
		w.CloseWithError(err)
		ended <- err
	}()
	failed, answered, err := readAnswers(r, out, follow)
	r.CloseWithError(io.ErrClosedPipe)
	if run := <-ended; !answered {
		return errors.Join(run, err)
	}
	return failed
}

// readAnswers reads to the end. failed is what the agent says of itself; err
// is why it could not be understood.
func readAnswers(r io.Reader, out any, follow func(step)) (failed error, answered bool, err error) {
	d := json.NewDecoder(r)
	for {
		var a answer
		if err := d.Decode(&a); err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("cannot understand the agent: it ended without an answer")
			}
			return failed, false, err
		}
		if a.Step != nil {
			if follow != nil {
				follow(*a.Step)
			}
			continue
		}
		if a.Error != nil {
			failed = a.Error.err()
		}
		if out != nil && len(a.Result) > 0 {
			err = json.Unmarshal(a.Result, out)
		}
		return failed, err == nil, err
	}
}

func (t there) look(ctx context.Context, plan op.Plan) (all []repair.Preview, err error) {
	err = t.ask(ctx, plan, &all, nil, "look")
	return all, err
}

func (t there) apply(ctx context.Context, x order, follow func(step)) (res repair.Result, err error) {
	err = t.ask(ctx, x, &res, follow, "apply")
	return res, err
}

func (t there) undo(ctx context.Context, n int, leave repair.Leave, follow func(step)) (u undone, err error) {
	args := []string{"undo", strconv.Itoa(n)}
	if leave != repair.LeaveNothing {
		args = append(args, string(leave))
	}
	err = t.ask(ctx, nil, &u, follow, args...)
	return u, err
}

func (t there) stands(ctx context.Context, n int) (list []repair.Stand, err error) {
	err = t.ask(ctx, nil, &list, nil, "stands", strconv.Itoa(n))
	return list, err
}

func (t there) history(ctx context.Context) (all []repair.Entry, err error) {
	err = t.ask(ctx, nil, &all, nil, "history")
	return all, err
}

func (t there) prove(ctx context.Context, proofs []harden.Proof) (all []harden.Outcome, err error) {
	err = t.ask(ctx, proofs, &all, nil, "prove")
	return all, err
}
