package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/collect/feed"
	"github.com/klustered/klustered/internal/collect/journal"
)

// A logsFlags is the flags of the command.
type logsFlags struct {
	reach
	feed.Selection
	since, until string
	grep         string
	priority     string
	identifiers  []string
	pid          string
	lines        int
	count        bool
	follow       bool
	output       string
}

// defaultLines are shown where nothing says how many.
const defaultLines = 200

func (a *App) logs() *cobra.Command {
	var l logsFlags
	c := &cobra.Command{
		Use: "logs", Short: "Show the logs of a node without its tools", Args: byFlags,
		Long: `Logs reads the files of the journal and of the containers themselves: it needs
no journalctl, crictl or kubectl, and no daemon that answers. Containers that
are gone are shown as long as their files are there. Several logs, and those of
several nodes, are shown as one, in the order of time.

Nothing named is the whole journal. Without -n, --since, --until, --grep or
--boot the last 200 lines are shown. Times without a zone are UTC, as are those
that are shown.`,
		Example: `  klustered logs -u kubelet --since -10min
  klustered logs --pod kube-system/etcd-cp1 --previous
  klustered logs -u kubelet -u containerd --pod kube-system/kube-apiserver -f
  klustered logs --kernel -p warning --boot -1
  klustered logs --node docker://cp1 --grep 'x509: ' -o json
  klustered logs --file /var/log/kubernetes/audit.log --grep '"verb":"delete"' --count`,
		RunE: func(c *cobra.Command, _ []string) error { return a.runLogs(c, &l) },
	}
	l.define(c)
	a.completeLogs(c, &l)
	return c
}

// byFlags refuses arguments: they are meant as what a flag takes.
func byFlags(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return hint(fmt.Errorf("cannot use argument %q: logs are named by flags", args[0]), "klustered logs -u %s shows a unit, klustered logs --pod %s a pod", args[0], args[0])
}

func (l *logsFlags) define(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVarP(&l.Units, "unit", "u", nil, "messages of and about a systemd unit; * and ? match (repeatable)")
	f.StringArrayVar(&l.Pods, "pod", nil, "a pod's containers: NAMESPACE/NAME, without the namespace in any, without a controller's suffix all replicas (repeatable)")
	f.StringVarP(&l.Container, "container", "c", "", "only this container of the pods")
	f.BoolVar(&l.Previous, "previous", false, "the containers' runs before the last")
	f.BoolVarP(&l.Kernel, "kernel", "k", false, "the kernel's messages")
	f.StringArrayVar(&l.Files, "file", nil, "a plain log file, with what was rotated beside it (repeatable)")
	f.StringArrayVarP(&l.identifiers, "identifier", "t", nil, "journal: only what programs of this name say (repeatable)")
	f.StringVar(&l.pid, "pid", "", "journal: only what this process says")
	f.StringVarP(&l.Boot, "boot", "b", "", "journal: only this boot: an id, 0 for the last one, -1 for the one before")
	f.StringVarP(&l.since, "since", "S", "", "from then on: RFC 3339, 2006-01-02 15:04, 15:04, today, yesterday, -10min or 10m")
	f.StringVarP(&l.until, "until", "U", "", "up to then")
	f.StringVarP(&l.grep, "grep", "g", "", "only what matches this regular expression; (?i) at its front ignores case")
	f.StringVarP(&l.priority, "priority", "p", "", "journal: only this severity and graver ones: emerg to debug, 0 to 7, or a range a..b")
	f.IntVarP(&l.lines, "lines", "n", -1, "the last so many lines; 0 shows none before what is followed")
	f.BoolVar(&l.count, "count", false, "print only how many lines there are")
	f.BoolVarP(&l.follow, "follow", "f", false, "go on with what is written from now on")
	f.StringVarP(&l.output, "output", "o", "short", "short, json or cat")
	f.StringArrayVar(&l.nodes, "node", nil, "a node: local, docker://NAME or podman://NAME (repeatable)")
	f.StringVar(&l.lab, "lab", "", "all nodes of the lab of that name")
	f.StringVar(&l.root, "root", "/", "read this node's files below another folder")
	l.timeout = time.Minute
}

// An order of logs is what is read of one node, as it is sent there.
type logsOrder struct {
	feed.Selection
	Since, Until time.Time
	Grep         string
	Lines        int // -1 for all
	Follow       bool
	Count        bool
}

// order reads the flags.
func (l *logsFlags) order(now time.Time) (logsOrder, error) {
	o := logsOrder{Selection: l.Selection, Grep: l.grep, Lines: l.lines, Follow: l.follow, Count: l.count}
	var errs [5]error
	o.Since, errs[0] = parseMoment("--since", l.since, now)
	o.Until, errs[1] = parseMoment("--until", l.until, now)
	o.MaxPriority, o.Matches, errs[2] = parsePriority(l.priority)
	if l.grep != "" {
		_, errs[3] = feed.NewMatcher(l.grep)
	}
	errs[4] = l.contradiction()
	for _, err := range errs {
		if err != nil {
			return o, err
		}
	}
	if !o.Until.IsZero() && o.Until.Before(o.Since) {
		return o, fmt.Errorf("cannot show logs from %s until %s, which is before", o.Since.UTC().Format(time.RFC3339), o.Until.UTC().Format(time.RFC3339))
	}
	for _, id := range l.identifiers {
		o.Matches = append(o.Matches, "SYSLOG_IDENTIFIER="+id)
	}
	if l.pid != "" {
		o.Matches = append(o.Matches, "_PID="+l.pid)
	}
	all := l.since != "" || l.until != "" || l.grep != "" || l.Boot != "" || l.count
	if o.Lines < 0 && (!all || l.follow) {
		o.Lines = defaultLines
	}
	return o, nil
}

// contradiction reports flags that do not go together.
func (l *logsFlags) contradiction() error {
	switch {
	case l.output != "short" && l.output != "json" && l.output != "cat":
		return fmt.Errorf("cannot write format %q: it is not one of short, json, cat", l.output)
	case len(l.Pods) == 0 && (l.Container != "" || l.Previous):
		return hint(errors.New("cannot use --container or --previous without --pod"), "for example --pod kube-system/etcd-cp1 --previous")
	case l.follow && (l.root != "/" || l.until != "" || l.count):
		return errors.New("cannot use --follow with --root, --until or --count: nothing is written there")
	case l.follow && l.Previous:
		return errors.New("cannot follow a run that has ended: leave out --previous or --follow")
	case l.lines < -1:
		return fmt.Errorf("cannot show %d lines", l.lines)
	}
	return nil
}

// explained turns the error of something unknown into one with a hint.
func explained(err error) error {
	var unknown *feed.UnknownError
	switch {
	case errors.Is(err, journal.ErrNone):
		return hint(err, "this node keeps none: --pod NAME and --file /var/log/syslog need no journal")
	case !errors.As(err, &unknown):
		return err
	}
	names := slices.Clone(unknown.Known)
	if unknown.What == "unit" && !strings.Contains(unknown.Name, ".") {
		for i := range names {
			names[i] = strings.TrimSuffix(names[i], ".service")
		}
	}
	if near := nearest(unknown.Name, names); near != "" {
		return hint(err, "did you mean %s?", near)
	}
	if n := len(unknown.Known); n > 0 {
		const most = 12
		more := ""
		if n > most {
			more = fmt.Sprintf(" and %d more", n-most)
		}
		return hint(err, "there is %s%s", joined(unknown.Known[:min(n, most)]), more)
	}
	return err
}
