package eval

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/op"
)

// A Mender repairs a lab as its operator would.
type Mender interface {
	// Fix repairs the fault, wherever in the lab it is found.
	Fix(ctx context.Context, id string) error
	// Undo takes back all that Fix did.
	Undo(ctx context.Context) error
}

// A Mending is how the repair of a fault went, its undo, and the repair again.
type Mending struct {
	// None says why nothing was repaired: no remedy is known.
	None     string   `json:"none,omitempty"`
	Repaired bool     `json:"repaired,omitempty"` // the lab serves, and nothing is found
	Undone   bool     `json:"undone,omitempty"`   // every file is as it was, and the fault is found again
	Again    bool     `json:"again,omitempty"`    // it could be repaired once more
	Held     bool     `json:"held,omitempty"`     // also through a restart of the node
	Harm     []string `json:"harm,omitempty"`     // what the repair took that the break had not touched
	Why      string   `json:"why,omitempty"`      // the first that went wrong
	// By is the version that repaired, where another one than the result's tool.
	By string `json:"by,omitempty"`
}

// Sound reports whether there was a repair and all went as it should.
func (m *Mending) Sound() bool { return m != nil && m.Held && m.Why == "" && len(m.Harm) == 0 }

// returning is how long a fault may take to be found again.
const returning = 100 * time.Second

// mended is how the repair of a break went, whose prints are taken first.
func (b *Bench) mended(ctx context.Context, id string, x broken, whole prints) *Mending {
	var err error
	if x.before, err = b.prints(ctx); err != nil {
		return &Mending{Why: err.Error()}
	}
	return b.mend(ctx, id, x, whole)
}

// mend repairs the break, takes that back, repairs it again and restarts the
// node. whole are the prints of the lab before it was broken.
func (b *Bench) mend(ctx context.Context, id string, x broken, whole prints) *Mending {
	var m Mending
	if f, err := b.fault(id); err != nil || f.Remedy == nil {
		m.None = "no safe repair is known"
		return &m
	}
	for _, step := range []func() error{
		func() (err error) { m.Repaired, err = b.repaired(ctx, id); return err },
		func() (err error) { m.Harm, err = b.taken(ctx, whole, x); return err },
		func() (err error) { m.Undone, err = b.undone(ctx, id, x); return err },
		func() (err error) { m.Again, err = b.repaired(ctx, id); return err },
		func() (err error) { m.Held, err = b.held(ctx, x); return err },
	} {
		if err := step(); err != nil {
			m.Why = err.Error()
			break
		}
	}
	return &m
}

func (b *Bench) repaired(ctx context.Context, id string) (bool, error) {
	if err := b.Mender.Fix(ctx, id); err != nil {
		return false, err
	}
	return b.well(ctx, "after the repair")
}

// backOff is the longest that a kubelet waits before it starts a container
// again that has ended, as components do again and again while the API server is
// away, and a moment.
const backOff = 5*time.Minute + 20*time.Second

// well wants the lab to serve, and to be diagnosed as healthy once everything had
// the time to come back.
func (b *Bench) well(ctx context.Context, when string) (bool, error) {
	if err := b.serves(ctx, recovery); err != nil {
		return false, fmt.Errorf("%s: %w", when, err)
	}
	for deadline := time.Now().Add(backOff); ; pause(ctx, 5*time.Second) {
		d, err := b.Look(ctx, Case{Kind: Healthy})
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err == nil && len(d.Causes) == 0 && len(d.Unexplained()) == 0:
			return true, nil
		case time.Now().Before(deadline):
		case err != nil:
			return false, fmt.Errorf("%s: %w", when, err)
		default:
			var left []string
			for _, c := range Claims(d) {
				left = append(left, c.Fault+": "+c.Summary)
			}
			for _, s := range d.Unexplained() {
				left = append(left, string(s.ID))
			}
			return false, fmt.Errorf("%s there is still %s", when, strings.Join(left, ", "))
		}
	}
}

// taken lists the files that are gone, though the break had left them alone.
func (b *Bench) taken(ctx context.Context, whole prints, x broken) ([]string, error) {
	now, err := b.prints(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, k := range slices.Sorted(maps.Keys(whole)) {
		if _, there := now[k]; !there && x.before[k] == whole[k] {
			out = append(out, k)
		}
	}
	return out, nil
}

// undone takes the repair back, and wants every file as it was when the node
// was broken, and the fault to be found again, if need be once pods are replaced,
// and one comes to every node: of what refuses them, or cannot run them, nothing
// is seen until there is one.
func (b *Bench) undone(ctx context.Context, id string, x broken) (bool, error) {
	if err := b.Mender.Undo(ctx); err != nil {
		return false, err
	}
	now, err := b.prints(ctx)
	if err != nil {
		return false, err
	}
	if diff := x.before.differ(now); len(diff) > 0 {
		return false, fmt.Errorf("after the undo these are not as they were: %s", strings.Join(diff, ", "))
	}
	others := []func(){func() { b.resend(ctx, x.plan) }, func() { b.roll(ctx) }}
	for deadline := time.Now().Add(returning); ; pause(ctx, 5*time.Second) {
		d, err := b.Look(ctx, Case{Kind: Healthy})
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err == nil && slices.ContainsFunc(Claims(d), func(c Claim) bool { return c.Fault == id }):
			return true, nil
		case time.Now().After(deadline):
			return false, fmt.Errorf("after the undo %s is not found again", id)
		}
		if len(others) > 0 { // with no API it is of no use, and not needed
			others[0]()
			others = others[1:]
		}
		_ = b.asked(ctx)
	}
}

// resend has others come for the pods that the break had sent to its node, which
// run since the repair.
func (b *Bench) resend(ctx context.Context, broke op.Plan) {
	for _, o := range broke {
		if pod, ok := o.(op.CreateObject); ok && strings.Contains(pod.Path, "/pods/") {
			_, _ = b.Nodes.KubectlInput(ctx, string(pod.Body), "replace", "--force", "--grace-period=1", "--timeout=20s", "-f", "-")
		}
	}
}

// roll has others come for the pods of the canary. What these held is free then.
func (b *Bench) roll(ctx context.Context) {
	_, _ = b.Nodes.Kubectl(ctx, "-n", "canary", "rollout", "restart", "deployment")
}

// held restarts the node and wants it as well as before.
func (b *Bench) held(ctx context.Context, x broken) (bool, error) {
	if err := x.node.Restart(ctx); err != nil {
		return false, err
	}
	return b.well(ctx, "after a restart of "+x.node.Name)
}

// prints are what files say and are: by node and path their kind, mode, owner,
// target and content.
type prints map[string]string

// differ lists the files that are not the same in both.
func (p prints) differ(q prints) []string {
	var out []string
	for k, v := range p {
		if q[k] != v {
			out = append(out, k)
		}
	}
	for k := range q {
		if _, ok := p[k]; !ok {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

// printed are the folders where breaks and repairs change files. Of files over
// 2 MiB the size stands for the content.
const printed = "/etc /root /home /usr/local /opt/cni /var/spool/cron /var/spool/at /usr/lib/systemd/system /usr/share/bash-completion /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env /var/lib/kube-proxy"

func (b *Bench) prints(ctx context.Context) (prints, error) {
	const script = `
set -- $(for d in "$@"; do [ -e "$d" ] && echo "$d"; done)
find "$@" -xdev \( -name cache -o -name '.klustered*' \) -prune -o \( -type f -size +2048k -printf '%y %m %U:%G %s\t%p\n' -o -printf '%y %m %U:%G %l\t%p\n' \)
find "$@" -xdev \( -name cache -o -name '.klustered*' \) -prune -o -type f -size -2049k -print0 | xargs -0r sha256sum --`
	all := prints{}
	for _, n := range b.Nodes {
		out, err := n.Exec(ctx, append([]string{"bash", "-c", script, "bash"}, strings.Fields(printed)...)...)
		if err != nil {
			return nil, fmt.Errorf("cannot note the files of %s: %w", n.Name, err)
		}
		all.add(n.Name, string(out))
	}
	return all, nil
}

// add reads the lines of one node: kind and path, then hash and path.
func (p prints) add(node, out string) {
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if what, file, ok := strings.Cut(line, "\t"); ok {
			p[node+":"+file] = what
		} else if sum, file, ok := strings.Cut(line, "  "); ok {
			p[node+":"+file] += " " + sum
		}
	}
}
