package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/transport"
)

// agentGuard watches this node, as it is ordered by one line on its standard
// input. It ends when that does.
func (a *App) agentGuard() *cobra.Command {
	return &cobra.Command{
		Use: "guard", Short: "Write who changes this node as JSON", Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			in := bufio.NewReader(a.In)
			data, err := in.ReadBytes('\n')
			if err != nil {
				return fmt.Errorf("cannot read the order: %w", err)
			}
			var o guardOrder
			if err := json.Unmarshal(data, &o); err != nil {
				return fmt.Errorf("cannot read the order: %w", err)
			}
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			go func() {
				io.Copy(io.Discard, in)
				cancel()
			}()
			e := json.NewEncoder(a.Out)
			if err := a.guardHere(ctx, o, func(l guardLine) error { return e.Encode(l) }); err != nil {
				return e.Encode(guardLine{Error: newFailure(err)})
			}
			return nil
		},
	}
}

// lastWords is how long an agent has to end a watch with its summary.
const lastWords = 10 * time.Second

// guardThere watches another node through an agent. When ctx ends, the agent's
// input does, and what it still has to say is waited for.
func guardThere(ctx context.Context, spec string, o guardOrder, tell func(guardLine) error) error {
	node, err := transport.Open(ctx, spec, "")
	if err != nil {
		return unreached(err)
	}
	order, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("cannot send the order: %w", err)
	}
	in, stop := sentOrder(append(order, '\n'), true)
	defer stop()
	defer context.AfterFunc(ctx, stop)()
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })()
	out, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := node.Run(hard, transport.Streams{In: in, Out: w}, "agent", "guard")
		w.CloseWithError(err)
		ended <- err
	}()
	answered := false
	for d := json.NewDecoder(out); ; {
		var l guardLine
		if err = d.Decode(&l); err != nil {
			break
		}
		if err = tell(l); err != nil || l.Summary != nil {
			answered = l.Summary != nil || l.Error != nil
			break
		}
	}
	stop()
	go io.Copy(io.Discard, out)
	end := <-ended
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return err
	case !answered && end != nil:
		return end
	case !answered:
		return errors.New("cannot watch " + spec + ": the agent ended without a word")
	}
	return nil
}
