package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/collect/feed"
)

// agentLogs sends this node's logs, as they are ordered by one line on its
// standard input. While it follows them it ends when that does.
func (a *App) agentLogs() *cobra.Command {
	return &cobra.Command{
		Use: "logs", Short: "Write lines of this node's logs as JSON", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			in := bufio.NewReader(a.In)
			data, err := in.ReadBytes('\n')
			if err != nil {
				return fmt.Errorf("cannot read the order: %w", err)
			}
			var o logsOrder
			if err := json.Unmarshal(data, &o); err != nil {
				return fmt.Errorf("cannot read the order: %w", err)
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			if o.Follow {
				go func() {
					io.Copy(io.Discard, in)
					cancel()
				}()
			}
			return a.sendLogs(ctx, o)
		},
	}
}

func (a *App) sendLogs(ctx context.Context, o logsOrder) error {
	w := bufio.NewWriterSize(a.Out, 64<<10)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	err := a.needRoot("read this node's logs")
	var r *logsReading
	if err == nil {
		r, err = openLogs(o, "/", func(note string) { e.Encode(sentLine{Note: note}) })
	}
	if err != nil {
		e.Encode(sentLine{Error: newFailure(err)})
		return w.Flush()
	}
	if o.Count {
		n, err := r.count(ctx)
		if err != nil {
			return err
		}
		e.Encode(sentLine{Line: &feed.Line{Message: strconv.Itoa(n)}})
		return w.Flush()
	}
	for l := range r.lines(ctx) {
		if err := e.Encode(sentLine{Line: l}); err != nil {
			return err
		}
		if o.Follow {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	return w.Flush()
}
