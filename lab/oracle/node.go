package oracle

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/klustered/klustered/lab/node"
)

// token is a name that no other run uses.
func token() string {
	b := make([]byte, 4)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Not turns a check around: it is well when k fails. It tells whether a break
// has taken.
func Not(k Check) Check {
	return Check{"not: " + k.Name, func(ctx context.Context, c Cluster) error {
		if err := k.Ask(ctx, c); err == nil {
			return errors.New("it still holds")
		}
		return nil
	}}
}

// NodesReady checks that every node is Ready.
func NodesReady() Check { return Check{"nodes are Ready", nodesReady} }

// NoIOLimit checks that no group on the node limits I/O on any device.
func NoIOLimit(n *node.Node) Check {
	return Check{"no I/O limit is set on " + n.Name, func(ctx context.Context, _ Cluster) error {
		const script = `me=$(sed -n 's#^[0-9]*:blkio:##p' /proc/1/cgroup | sed 's#/init.scope$##')
find /sys/fs/cgroup/blkio"$me" /sys/fs/cgroup \( -name 'blkio.throttle.*_device' -o -name io.max \) 2>/dev/null |
  while read -r f; do [ -s "$f" ] && sed "s#^#$f #" "$f"; done | sort -u | head -5; true`
		out, err := n.Exec(ctx, "bash", "-c", script)
		if text := strings.TrimSpace(string(out)); err == nil && text != "" {
			err = fmt.Errorf("limits are set: %s", text)
		}
		return err
	}}
}

// NoShaping checks that no interface of the node or of its pods delays,
// drops or limits.
func NoShaping(n *node.Node) Check {
	return Check{"no traffic is shaped on " + n.Name, func(ctx context.Context, _ Cluster) error {
		const script = `for p in $(ls /proc | grep '^[0-9]*$'); do
  ns=$(readlink /proc/$p/ns/net 2>/dev/null) || continue
  case " $seen " in *" $ns "*) continue;; esac
  seen="$seen $ns"
  nsenter -t $p -n tc qdisc show 2>/dev/null
done | grep -E '^qdisc (netem|tbf|htb|hfsc|cbq)' | sort -u | head -5; true`
		out, err := n.Exec(ctx, "bash", "-c", script)
		if text := strings.TrimSpace(string(out)); err == nil && text != "" {
			err = fmt.Errorf("%s", text)
		}
		return err
	}}
}

// KubectlWorks checks that kubectl works with a kubeconfig of the node. One
// that would run a program is not tried: asking must not run it.
func KubectlWorks(n *node.Node, kubeconfig string) Check {
	return Check{"kubectl works with " + kubeconfig, func(ctx context.Context, _ Cluster) error {
		data, err := n.ReadFile(ctx, kubeconfig)
		if err != nil {
			return err
		}
		if execEntry.Match(data) {
			return errors.New("it would run a program")
		}
		_, err = n.Exec(ctx, "env", "HOME=/root", "kubectl", "--kubeconfig="+kubeconfig, "get", "nodes", "--request-timeout=10s")
		return err
	}}
}

// KubectlFree checks that a kubeconfig that the node did not have before is gone
// again or, if somebody put it right instead, that kubectl works with it.
func KubectlFree(n *node.Node, kubeconfig string) Check {
	works := KubectlWorks(n, kubeconfig)
	return Check{kubeconfig + " is gone, or " + works.Name, func(ctx context.Context, c Cluster) error {
		if _, err := n.Exec(ctx, "test", "!", "-e", kubeconfig); err == nil {
			return nil
		}
		return works.Ask(ctx, c)
	}}
}

// execEntry is the key of an exec plugin in a kubeconfig.
var execEntry = regexp.MustCompile(`(?m)(^|[\s{,"])exec"?\s*:`)

// FileUnchanged checks that a file of the node has the given SHA-256, or, for
// "", that it does not exist.
func FileUnchanged(n *node.Node, path, sum string) Check {
	return Check{path + " has not been written", func(ctx context.Context, _ Cluster) error {
		out, _ := n.Exec(ctx, "sha256sum", "--", path)
		now, _, _ := strings.Cut(string(out), " ")
		if now != sum {
			return fmt.Errorf("%s was written", path)
		}
		return nil
	}}
}

// CredentialRefused checks that the identity may no longer list secrets.
func CredentialRefused(user string, groups []string) Check {
	return Check{fmt.Sprintf("%s has no rights left", user), func(ctx context.Context, c Cluster) error {
		args := []string{"auth", "can-i", "list", "secrets", "-A", "--as", user}
		for _, g := range groups {
			args = append(args, "--as-group", g)
		}
		out, _ := c.Kubectl(ctx, args...)
		if strings.HasPrefix(strings.TrimSpace(string(out)), "yes") {
			return errors.New("it may still read every secret")
		}
		return nil
	}}
}
