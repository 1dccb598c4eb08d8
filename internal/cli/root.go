package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// commands is the one list of commands.
func (a *App) commands() []*cobra.Command {
	return []*cobra.Command{
		a.get(),
		a.triage(), a.bundle(), a.fix(), a.undo(), a.history(), a.confirm(), a.guardCommand(), a.baseline(), a.harden(),
		a.logs(), a.explain(), a.faults(), a.rule(), a.demo(), a.lab(), a.drill(), a.versionCommand(), a.agent(),
	}
}

func (a *App) root() *cobra.Command {
	c := &cobra.Command{
		Use:   "klustered",
		Short: "Find out why a Kubernetes node is broken, and repair it",
		Long: `klustered reads a node without running any program of it, says which fault is
the cause of what people notice, quotes the evidence, and repairs it with
changes that can be undone. It needs no working API server.

A link to it named kubectl-klustered makes it the command kubectl klustered, and
one named kubectl_complete-klustered lets kubectl complete that in the shell.`,
		Example: `  klustered triage                      diagnose this node, as root
  klustered triage --node docker://cp1  diagnose a node that is a container
  klustered fix cni/configmissing       show the repair as a plan with diffs
  klustered fix --all --apply           repair every root cause
  klustered undo                        take the last repair back
  klustered explain etcd/nospace        read a runbook, offline
  klustered demo                        triage recorded incidents, no cluster needed`,
		SilenceErrors: true, SilenceUsage: true,
		Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	if a.Plugin {
		c.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl klustered"}
	}
	c.SetIn(a.In)
	c.SetOut(a.Out)
	c.SetErr(a.Err)
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return hint(flagError(err), "%s --help lists the flags", c.CommandPath())
	})
	c.PersistentFlags().String("color", "auto", "colour the output: auto, always or never")
	c.AddCommand(a.commands()...)
	c.InitDefaultHelpCmd()
	c.CompletionOptions.HiddenDefaultCmd = false
	return c
}

// flagError words a flag's error as the others are.
func flagError(err error) error {
	text := err.Error()
	for _, x := range []string{"unknown flag: ", "unknown shorthand flag: "} {
		if flag, ok := strings.CutPrefix(text, x); ok {
			return fmt.Errorf("cannot use flag %s: it does not exist", strings.TrimSpace(flag))
		}
	}
	return fmt.Errorf("cannot read the flags: %s", text)
}

// unknownCommand refuses a command that does not exist and proposes one.
func (a *App) unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, x := range c.Commands() {
		if x.IsAvailableCommand() {
			names = append(names, x.Name())
		}
	}
	err := fmt.Errorf("cannot run %q: there is no such command", args[0])
	if near := nearest(args[0], names); near != "" {
		return hint(err, "did you mean %s %s?", c.CommandPath(), near)
	}
	return hint(err, "%s --help lists the commands", c.CommandPath())
}

// atMost refuses more than n arguments in our own words.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return hint(fmt.Errorf("cannot use argument %q: %s takes at most %d", args[n], c.CommandPath(), n), "%s --help", c.CommandPath())
		}
		return nil
	}
}
