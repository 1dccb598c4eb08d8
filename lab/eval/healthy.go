package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/node"
)

// A variant is a way to be healthy. It returns what ends it.
type variant struct {
	name string
	make func(ctx context.Context, b *Bench) (end func(), err error)
}

// variants are the ways to be healthy that any lab can be brought to.
var variants = []variant{
	{"as it is", func(context.Context, *Bench) (func(), error) { return func() {}, nil }},
	{"a restart ago", restarted},
	{"under load", loaded},
	{"in the middle of a rollout", rollout},
	{"with odd but harmless things", oddities},
}

// Variants are the cases of a healthy lab. shape says what is special about
// the lab, or is "".
func Variants(shape string) []Case {
	var out []Case
	for _, v := range variants {
		out = append(out, Case{Kind: Healthy, Variant: strings.TrimSuffix(v.name+", "+shape, ", ")})
	}
	return out
}

// vary brings the lab to the case's variant; its shape stands behind a comma.
func (b *Bench) vary(ctx context.Context, c Case) (end func(), err error) {
	i := slices.IndexFunc(variants, func(v variant) bool { return strings.HasPrefix(c.Variant, v.name) })
	if i < 0 {
		return nil, fmt.Errorf("cannot make a healthy lab %q: no such way is known", c.Variant)
	}
	return variants[i].make(ctx, b)
}

// restarted restarts the last node and waits until the lab serves.
func restarted(ctx context.Context, b *Bench) (func(), error) {
	n := b.Nodes[len(b.Nodes)-1]
	if err := n.Restart(ctx); err != nil {
		return nil, err
	}
	return func() {}, b.serves(ctx, 2*recovery)
}

// loaded keeps both CPUs, the disk and the API server of a node busy for a
// bounded time.
func loaded(ctx context.Context, b *Bench) (func(), error) {
	const script = `
for i in 1 2; do timeout 45 sh -c 'while :; do :; done' & done
timeout 45 sh -c 'while :; do dd if=/dev/zero of=/var/tmp/load bs=1M count=64 conv=fsync 2>/dev/null; done' &
timeout 45 sh -c 'while :; do kubectl --kubeconfig=/etc/kubernetes/super-admin.conf get pods -A -o yaml >/dev/null 2>&1; done' &
sleep 8`
	if _, err := b.Nodes[0].Exec(ctx, "setsid", "bash", "-c", script); err != nil {
		return nil, err
	}
	return func() {
		_, _ = b.Nodes[0].Exec(context.WithoutCancel(ctx), "bash", "-c", "sleep 40; rm -f /var/tmp/load")
	}, nil
}

// rollout restarts what the cluster itself runs and does not wait.
func rollout(ctx context.Context, b *Bench) (func(), error) {
	for _, what := range []string{"deployment/coredns", "daemonset/kube-proxy"} {
		if _, err := b.Nodes.Kubectl(ctx, "-n", "kube-system", "rollout", "restart", what); err != nil {
			return nil, err
		}
	}
	time.Sleep(3 * time.Second)
	return func() {}, nil
}

// odd are things that look wrong and harm nobody: a file that is larger than
// the disk and has no blocks, a tool for chaos that nothing starts, an unused
// Service of a well-known name, an alias for convenience, a nightly job, a
// label and a note.
const odd = `
truncate -s 8T /var/tmp/giant.img
mkdir -p /opt/chaos && printf '#!/bin/sh\necho would stop kubelet\n' >/opt/chaos/chaos.sh && chmod +x /opt/chaos/chaos.sh
printf 'alias k=kubectl\nalias ll="ls -l"\n' >/root/.bash_aliases
printf '17 3 * * * root tar -C /etc -czf /var/tmp/etc.tgz kubernetes 2>/dev/null\n' >/etc/cron.d/nightly
printf '[Unit]\nDescription=Prints the date\n[Service]\nType=oneshot\nExecStart=/bin/date\n' >/etc/systemd/system/print-date.service
printf '{"cniVersion":"1.0.0","name":"old","type":"bridge"}' >/etc/cni/net.d/99-old.conf.disabled
touch /etc/kubernetes/manifests/.README
K="kubectl --kubeconfig=/etc/kubernetes/super-admin.conf"
$K create namespace lookalike --dry-run=client -o yaml | $K apply -f - >/dev/null
$K -n lookalike create service clusterip kube-dns --tcp=5353:5353 --dry-run=client -o yaml | $K apply -f - >/dev/null
$K annotate --overwrite node --all example.com/chaos=scheduled >/dev/null`

const even = `
rm -rf /var/tmp/giant.img /opt/chaos /root/.bash_aliases /etc/cron.d/nightly /etc/systemd/system/print-date.service /etc/cni/net.d/99-old.conf.disabled /etc/kubernetes/manifests/.README
K="kubectl --kubeconfig=/etc/kubernetes/super-admin.conf"
$K delete namespace lookalike --ignore-not-found >/dev/null
$K annotate node --all example.com/chaos- >/dev/null`

func oddities(ctx context.Context, b *Bench) (func(), error) {
	n := b.controlPlane()
	if _, err := n.Exec(ctx, "bash", "-ec", odd); err != nil {
		return nil, fmt.Errorf("cannot make %s odd: %w", n.Name, err)
	}
	return func() { _, _ = n.Exec(context.WithoutCancel(ctx), "bash", "-c", even) }, nil
}

func (b *Bench) controlPlane() *node.Node {
	i := slices.IndexFunc(b.Nodes, func(n *node.Node) bool { return n.Role == node.ControlPlane })
	return b.Nodes[max(i, 0)]
}
