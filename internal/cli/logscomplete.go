package cli

import (
	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/collect/crilog"
	"github.com/klustered/klustered/internal/collect/feed"
	"github.com/klustered/klustered/internal/collect/journal"
	"github.com/klustered/klustered/internal/collect/source"
)

// completeLogs proposes units, pods and containers that this node, or the one
// below --root, has logs of.
func (a *App) completeLogs(c *cobra.Command, l *logsFlags) {
	propose := func(flag string, list func(*source.Env) []string) {
		c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return list(source.New(l.root, l.root == "/")), cobra.ShellCompDirectiveNoFileComp
		})
	}
	propose("unit", func(e *source.Env) []string {
		j, err := journal.Open(e.FS(), journal.Dirs...)
		if err != nil {
			return nil
		}
		defer j.Close()
		return feed.Units(j)
	})
	propose("pod", func(e *source.Env) []string {
		runs, _ := crilog.Runs(e.FS())
		return feed.Pods(runs)
	})
	propose("container", func(e *source.Env) []string {
		runs, _ := crilog.Runs(e.FS())
		var names []string
		for _, r := range runs {
			names = append(names, r.Container)
		}
		return names
	})
	for flag, values := range map[string][]string{"output": {"short", "json", "cat"}, "priority": severities} {
		c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		})
	}
}
