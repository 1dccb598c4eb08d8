package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/collect/feed"
	"github.com/klustered/klustered/internal/transport"
)

func (a *App) runLogs(c *cobra.Command, l *logsFlags) error {
	o, err := l.order(time.Now())
	if err != nil {
		return err
	}
	specs, err := a.specs(c.Context(), &l.reach)
	if err != nil {
		return err
	}
	out := &logsWriter{w: bufio.NewWriterSize(a.Out, 64<<10), format: l.output, safe: a.OutTerminal, several: len(specs) > 1, flush: o.Follow || a.OutTerminal, tell: a.complain("")}
	var p placesOfLogs
	for _, spec := range specs {
		if spec == "local" {
			if l.root == "/" {
				if err := a.needRoot("read this node's logs"); err != nil {
					return hint(err, "run it as root, or read another root: klustered logs --root DIR")
				}
			}
			err = p.here(o, l.root, a.complain(""))
		} else {
			err = p.there(c.Context(), spec, o, a.complain(spec+": "))
		}
		if err != nil {
			return err
		}
	}
	err = p.show(c.Context(), o, out)
	if ferr := out.w.Flush(); err == nil && ferr != nil {
		err = fmt.Errorf("cannot write the logs: %w", ferr)
	}
	if err == nil && !o.Follow && !o.Count && o.Lines != 0 && out.lines == 0 {
		out.tell("there is no line of what was asked for")
	}
	if o.Follow && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// complain tells on standard error what could not be read.
func (a *App) complain(who string) func(string) {
	return func(text string) { fmt.Fprintf(a.Err, "klustered: note: %s%s\n", who, oneLine(text)) }
}

// placesOfLogs are the nodes whose logs are shown.
type placesOfLogs []placeOfLogs

// A placeOfLogs is one node: its lines, and how its reading ended.
type placeOfLogs struct {
	node  string
	lines func(context.Context) iter.Seq[*feed.Line]
	count func(context.Context) (int, error)
	err   *error
}

func (p *placesOfLogs) here(o logsOrder, root string, tell func(string)) error {
	r, err := openLogs(o, root, tell)
	if err != nil {
		return err
	}
	*p = append(*p, placeOfLogs{node: "local", lines: r.lines, count: r.count, err: new(error)})
	return nil
}

func (p *placesOfLogs) there(ctx context.Context, spec string, o logsOrder, tell func(string)) error {
	node, err := transport.Open(ctx, spec, "")
	if err != nil {
		return unreached(err)
	}
	place := placeOfLogs{node: spec, err: new(error)}
	place.lines = func(ctx context.Context) iter.Seq[*feed.Line] {
		return remoteLines(ctx, node, o, tell, place.err)
	}
	place.count = func(ctx context.Context) (n int, err error) {
		for l := range place.lines(ctx) {
			fmt.Sscan(l.Message, &n)
		}
		return n, *place.err
	}
	*p = append(*p, place)
	return nil
}

// show writes the lines of all nodes: in the order of time, or, followed, as
// they come.
func (p placesOfLogs) show(ctx context.Context, o logsOrder, out *logsWriter) error {
	if o.Count {
		return p.showCount(ctx, out)
	}
	if o.Follow && len(p) > 1 {
		return p.showAll(ctx, out)
	}
	var lists []iter.Seq[*feed.Line]
	for _, x := range p {
		lists = append(lists, x.named(ctx))
	}
	all := lists[0]
	if len(lists) > 1 {
		all = feed.Merge(lists...)
	}
	var list []*feed.Line
	for l := range all {
		if len(p) > 1 && o.Lines > 0 { // each node gave its last
			if list = append(list, l); len(list) > o.Lines {
				list = list[1:]
			}
			continue
		}
		if err := out.line(l); err != nil {
			return err
		}
	}
	for _, l := range list {
		if err := out.line(l); err != nil {
			return err
		}
	}
	return p.failed(ctx, out.tell)
}

// failed is why nothing can be shown of any node. What is unknown on one and
// known on another is no failure.
func (p placesOfLogs) failed(ctx context.Context, tell func(string)) error {
	var first error
	good := 0
	for _, x := range p {
		switch err := *x.err; {
		case err == nil:
			good++
		case first == nil:
			first = err
		}
	}
	if first == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	if good == 0 {
		return first
	}
	for _, x := range p {
		if *x.err != nil {
			tell(x.node + ": " + (*x.err).Error())
		}
	}
	return nil
}

// named are the lines of a node with its name.
func (x placeOfLogs) named(ctx context.Context) iter.Seq[*feed.Line] {
	return func(yield func(*feed.Line) bool) {
		_, name, _ := strings.Cut(x.node, "://")
		for l := range x.lines(ctx) {
			if name != "" {
				l.Node = name
			}
			if !yield(l) {
				return
			}
		}
	}
}

// showAll writes the lines of all nodes as they come.
func (p placesOfLogs) showAll(ctx context.Context, out *logsWriter) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, x := range p {
		wg.Go(func() {
			for l := range x.named(ctx) {
				mu.Lock()
				err := out.line(l)
				mu.Unlock()
				if err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return p.failed(ctx, out.tell)
}

func (p placesOfLogs) showCount(ctx context.Context, out *logsWriter) error {
	sum := 0
	for _, x := range p {
		n, err := x.count(ctx)
		if err != nil {
			return err
		}
		sum += n
	}
	_, err := fmt.Fprintln(out.w, sum)
	return err
}

// A sentLine is what an agent writes of the logs: a line, something that could
// not be read, or why it ended.
type sentLine struct {
	*feed.Line
	Note  string   `json:"note,omitempty"`
	Error *failure `json:"error,omitempty"`
}

// sentOrder is the input of an agent. One that follows ends when its input
// does, which is when stop is called.
func sentOrder(order []byte, follow bool) (in io.Reader, stop func()) {
	if !follow {
		return bytes.NewReader(order), func() {}
	}
	r, w := io.Pipe()
	go w.Write(order)
	return r, func() { w.Close() }
}

// remoteLines are the lines that an agent on the node sends.
func remoteLines(ctx context.Context, node transport.Node, o logsOrder, tell func(string), failed *error) iter.Seq[*feed.Line] {
	return func(yield func(*feed.Line) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		order, err := json.Marshal(o)
		if err != nil {
			*failed = fmt.Errorf("cannot send the order: %w", err)
			return
		}
		in, stop := sentOrder(append(order, '\n'), o.Follow)
		defer stop()
		defer context.AfterFunc(ctx, stop)() // else a run that was cut short waits for more input
		out, w := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			err := node.Run(ctx, transport.Streams{In: in, Out: w}, "agent", "logs")
			w.CloseWithError(err)
			ended <- err
		}()
		answered, more := true, true
		for d := json.NewDecoder(out); more; {
			var s sentLine
			if err := d.Decode(&s); err != nil {
				answered = errors.Is(err, io.EOF)
				break
			}
			switch {
			case s.Error != nil:
				*failed = s.Error.err()
				more = false
			case s.Note != "":
				tell(s.Note)
			case s.Line != nil:
				more = yield(s.Line)
			}
		}
		stopped := ctx.Err()
		if !more || o.Follow {
			cancel()
		}
		out.CloseWithError(io.ErrClosedPipe)
		if err := <-ended; *failed == nil && more && stopped == nil && !answered {
			*failed = err
		}
	}
}
