package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/transport"
	"github.com/klustered/klustered/lab"
	steps "github.com/klustered/klustered/lab/progress"
)

func (a *App) lab() *cobra.Command {
	c := &cobra.Command{
		Use: "lab", Short: "Boot a real cluster in containers, to break and to repair",
		Long: `A lab is a real kubeadm cluster: each node is a container that runs systemd,
containerd and a kubelet. The first boot builds the node image and takes a golden
snapshot; every later start takes seconds. It needs root and a container engine,
which is installed where there is none.`,
		Example: `  klustered lab up                       one control plane, one worker
  klustered lab up --name ha --control-planes 3 --workers 2
  klustered lab exec cp1 -- journalctl -u kubelet -n 20
  klustered lab kubeconfig > lab.conf
  klustered lab reset                    back to the clean cluster
  klustered lab down --all`,
		Args: a.unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.labPrepare(), a.labUp(), a.labDown(), a.labStatus(), a.labExec(), a.labKubeconfig(),
		a.labOpened("snapshot", "Keep the lab as it is now as its golden snapshot", (*lab.Cluster).Snapshot),
		a.labOpened("reset", "Return the lab to its golden snapshot", resetLab))
	return c
}

// labProgress shows a long job on standard error.
func (a *App) labProgress() steps.Progress { return steps.NewText(a.Err, a.ErrTerminal) }

// rooted refuses whoever is not root, before anything is done.
func (a *App) rooted() error {
	if a.UID != 0 {
		return hint(errors.New("cannot use the lab: it needs root"), "run it with sudo")
	}
	return nil
}

// advised adds the lab's own hint to its error.
func advised(err error) error {
	var e *lab.Error
	if errors.As(err, &e) {
		return hint(err, "%s", e.Hint)
	}
	return err
}

func nameFlag(c *cobra.Command, name *string) {
	c.Flags().StringVar(name, "name", lab.DefaultName, "the lab's name; labs of several names live side by side")
}

func (a *App) labPrepare() *cobra.Command {
	var kubernetes string
	var plan bool
	c := &cobra.Command{
		Use: "prepare", Short: "Install and build what a lab needs, and boot nothing", Args: atMost(0),
		Example: "  klustered lab prepare --plan\n  klustered lab prepare",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.rooted(); err != nil {
				return err
			}
			if !plan {
				return advised(lab.Prepare(c.Context(), kubernetes, a.labProgress()))
			}
			todo, err := lab.Plan(c.Context(), kubernetes)
			if err != nil {
				return advised(err)
			}
			if len(todo) == 0 {
				fmt.Fprintln(a.Out, "The lab is prepared: nothing is to be installed or built.")
				return nil
			}
			fmt.Fprintln(a.Out, "To prepare the lab, klustered will:")
			for _, t := range todo {
				fmt.Fprintln(a.Out, "  - "+t)
			}
			return nil
		},
	}
	c.Flags().StringVar(&kubernetes, "kubernetes", "", "a version, such as v1.36 (default "+lab.KubernetesVersion+")")
	c.Flags().BoolVar(&plan, "plan", false, "say what would be done, and do nothing")
	return c
}

func (a *App) labUp() *cobra.Command {
	var cfg lab.Config
	c := &cobra.Command{
		Use: "up", Short: "Boot a lab", Args: atMost(0),
		Example: "  klustered lab up\n  klustered lab up --name big --control-planes 3 --workers 2",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.rooted(); err != nil {
				return err
			}
			l, err := lab.Up(c.Context(), cfg, a.labProgress())
			if err != nil {
				return advised(err)
			}
			fmt.Fprintf(a.Out, "Lab %s is up: Kubernetes %s, %d nodes.\n", l.Name, l.Kubernetes, len(l.Nodes()))
			fmt.Fprintf(a.Out, "Try: klustered triage --lab %s\n", l.Name)
			return nil
		},
	}
	nameFlag(c, &cfg.Name)
	f := c.Flags()
	f.IntVar(&cfg.ControlPlanes, "control-planes", 1, "1 or 3; three share a stacked etcd")
	f.IntVar(&cfg.Workers, "workers", 1, "0 to 3")
	f.StringVar(&cfg.Kubernetes, "kubernetes", "", "a version, such as v1.36 (default "+lab.KubernetesVersion+")")
	f.BoolVar(&cfg.Fresh, "fresh", false, "boot with kubeadm even where a golden snapshot could be used")
	return c
}

func (a *App) labDown() *cobra.Command {
	var name string
	var all, stop, snapshots bool
	c := &cobra.Command{
		Use: "down", Short: "Remove a lab; its golden snapshot stays", Args: atMost(0),
		Example: "  klustered lab down\n  klustered lab down --all",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.rooted(); err != nil {
				return err
			}
			if all || snapshots {
				return errors.Join(advised(lab.DownAll(c.Context(), snapshots)), os.RemoveAll(drillDir()))
			}
			err := errors.Join(advised(lab.Down(c.Context(), name)), forgetDrill(name))
			if stop {
				err = errors.Join(err, lab.StopEngine(c.Context()))
			}
			return err
		},
	}
	nameFlag(c, &name)
	c.Flags().BoolVar(&all, "all", false, "remove every lab, and stop the container engine if a lab started it")
	c.Flags().BoolVar(&snapshots, "snapshots", false, "remove every lab and every golden snapshot")
	c.Flags().BoolVar(&stop, "stop-engine", false, "stop the container engine too, if a lab started it and no lab is left")
	return c
}

func (a *App) labStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "List the labs of this machine", Args: atMost(0),
		Example: "  klustered lab status",
		RunE: func(c *cobra.Command, _ []string) error {
			labs, err := lab.List(c.Context())
			if err != nil {
				return advised(err)
			}
			if len(labs) == 0 {
				fmt.Fprintln(a.Out, "No lab is up.")
				return nil
			}
			w := tabwriter.NewWriter(a.Out, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tKUBERNETES\tTOPOLOGY\tNODES\tSTATE")
			for _, l := range labs {
				state := "up"
				switch {
				case !l.Up:
					state = "half up"
				case l.Running < l.Nodes:
					state = "stopped"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%s\n", l.Name, l.Kubernetes, l.Topology, l.Running, l.Nodes, state)
			}
			return w.Flush()
		},
	}
}

func (a *App) labExec() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "exec NODE [-- COMMAND...]", Short: "Run a command, or a shell, in a node",
		Example: "  klustered lab exec cp1\n  klustered lab exec worker1 -- ip route",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(errors.New("cannot run a command: no node was named"), "klustered lab exec cp1")
			}
			l, err := a.openLab(c.Context(), name)
			if err != nil {
				return err
			}
			n, err := l.Node(args[0])
			if err != nil {
				return err
			}
			argv := args[1:]
			if len(argv) == 0 {
				argv = []string{"bash", "-l"}
			}
			argv = n.Argv(argv...)
			if a.OutTerminal && a.ErrTerminal {
				argv = slices.Insert(argv, 2, "--tty")
			}
			code, err := transport.Attach(c.Context(), argv, a.In, a.Out, a.Err)
			if err != nil || code == 0 {
				return err
			}
			return exitCode(code)
		},
	}
	nameFlag(c, &name)
	return c
}

func (a *App) labKubeconfig() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: "kubeconfig", Short: "Print a kubeconfig that reaches the lab from this machine", Args: atMost(0),
		Example: "  klustered lab kubeconfig > lab.conf\n  kubectl --kubeconfig lab.conf get nodes",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.openLab(c.Context(), name)
			if err != nil {
				return err
			}
			data, err := l.Kubeconfig(c.Context())
			if err == nil {
				_, err = a.Out.Write(data)
			}
			return err
		},
	}
	nameFlag(c, &name)
	return c
}

// resetLab makes the lab whole; a drill that was in progress in it is over.
func resetLab(l *lab.Cluster, ctx context.Context, p lab.Progress) error {
	if err := l.Reset(ctx, p); err != nil {
		return err
	}
	return forgetDrill(l.Name)
}

// labOpened is a command that does one long thing to a lab that is up.
func (a *App) labOpened(use, short string, do func(*lab.Cluster, context.Context, lab.Progress) error) *cobra.Command {
	var name string
	c := &cobra.Command{
		Use: use, Short: short, Args: atMost(0),
		Example: fmt.Sprintf("  klustered lab %s\n  klustered lab %s --name big", use, use),
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.openLab(c.Context(), name)
			if err != nil {
				return err
			}
			return advised(do(l, c.Context(), a.labProgress()))
		},
	}
	nameFlag(c, &name)
	return c
}

func (a *App) openLab(ctx context.Context, name string) (*lab.Cluster, error) {
	if err := a.rooted(); err != nil {
		return nil, err
	}
	l, err := lab.Open(ctx, name)
	return l, advised(err)
}

// LabSpecs are the addresses of a lab's nodes, for [App.Lab].
func LabSpecs(ctx context.Context, name string) ([]string, error) {
	l, err := lab.Open(ctx, name)
	if err != nil {
		return nil, advised(err)
	}
	var out []string
	for _, n := range l.Nodes() {
		out = append(out, n.Spec())
	}
	return out, nil
}

// labDir is where the lab keeps what belongs to no node.
func labDir() string {
	dir, err := lab.CacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return strings.TrimRight(dir, "/")
}
