package oracle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// slowWrite bounds the mean time of a write. An etcd on an unthrottled disk takes about 5 ms for each; one
// whose fsyncs wait for a cgroup's limit takes a hundred or more.
const slowWrite = 120 * time.Millisecond

// WritesAreQuick checks the speed of writes through the API server.
func WritesAreQuick() Check {
	return Check{"twenty objects are written quickly", func(ctx context.Context, c Cluster) error {
		const script = `set -e
kc="kubectl --kubeconfig=/etc/kubernetes/super-admin.conf --request-timeout=30s"
for i in $(seq 20); do
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s-%d, namespace: default, labels: {oracle: %s}}\n---\n' "$1" "$i" "$1"
done > /tmp/$1
begin=$(date +%s%N)
$kc create -f /tmp/$1 >/dev/null
end=$(date +%s%N)
$kc delete configmap -l oracle=$1 --wait=false >/dev/null
rm -f /tmp/$1
echo $(( (end - begin) / 20 ))`
		out, err := c[0].Exec(ctx, "bash", "-c", script, "bash", "oracle-"+token())
		if err != nil {
			return err
		}
		var each time.Duration
		if _, err := fmt.Sscan(string(out), (*int64)(&each)); err != nil {
			return fmt.Errorf("cannot read the time of the writes: %w", err)
		}
		if each > slowWrite {
			return fmt.Errorf("a write takes %s, more than %s", each.Round(time.Millisecond), slowWrite)
		}
		return nil
	}}
}

// Etcdctl runs etcdctl on the i-th control plane with its own certificates.
func (c Cluster) Etcdctl(ctx context.Context, i int, args ...string) ([]byte, error) {
	const pki = "/etc/kubernetes/pki/etcd/"
	argv := append([]string{"etcdctl", "--endpoints=https://127.0.0.1:2379", "--cacert=" + pki + "ca.crt",
		"--cert=" + pki + "server.crt", "--key=" + pki + "server.key", "--dial-timeout=3s", "--command-timeout=5s"}, args...)
	return c[i].Exec(ctx, argv...)
}

// NoAlarm checks that etcd has no alarm raised.
func NoAlarm() Check {
	return Check{"etcd has no alarm", func(ctx context.Context, c Cluster) error {
		out, err := c.Etcdctl(ctx, 0, "alarm", "list")
		if err == nil && strings.Contains(string(out), "alarm:") {
			err = fmt.Errorf("etcd says %s", strings.TrimSpace(string(out)))
		}
		return err
	}}
}

// Alarmed checks that the NOSPACE alarm is raised.
func Alarmed() Check {
	return Check{"etcd has raised NOSPACE", func(ctx context.Context, c Cluster) error {
		out, err := c.Etcdctl(ctx, 0, "alarm", "list")
		if err == nil && !strings.Contains(string(out), "NOSPACE") {
			err = errors.New("no alarm is raised")
		}
		return err
	}}
}

// NotGrowing checks that etcd's revision moves slowly: that nothing fills it.
func NotGrowing() Check {
	return Check{"nothing fills etcd", func(ctx context.Context, c Cluster) error {
		first, err := c.etcdSize(ctx)
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Second):
		}
		second, err := c.etcdSize(ctx)
		if grown := second - first; err == nil && grown > 2<<20 {
			err = fmt.Errorf("etcd's data grew by %d KiB in five seconds", grown>>10)
		}
		return err
	}}
}

func (c Cluster) etcdSize(ctx context.Context) (int64, error) {
	out, err := c.Etcdctl(ctx, 0, "endpoint", "status", "-w", "fields")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(out)) {
		var n int64
		if rest, ok := strings.CutPrefix(line, `"DBSizeInUse" :`); ok {
			_, err := fmt.Sscan(rest, &n)
			return n, err
		}
	}
	return 0, errors.New("cannot read etcd's size: etcdctl does not say it")
}

// PortsGuarded checks that members reach each other's etcd ports and that a
// stranger, a worker of the lab, reaches none.
func PortsGuarded() Check {
	return Check{"only members reach etcd", func(ctx context.Context, c Cluster) error {
		for _, to := range c {
			if to.Role != "control-plane" {
				continue
			}
			for _, from := range c {
				member := from.Role == "control-plane"
				for _, port := range []string{"2379", "2380"} {
					open := reaches(ctx, from.Exec, to.Address, port)
					if open != member {
						return fmt.Errorf("%s reaches port %s of %s: %v, want %v", from.Name, port, to.Name, open, member)
					}
				}
			}
		}
		return nil
	}}
}

func reaches(ctx context.Context, exec func(context.Context, ...string) ([]byte, error), address, port string) bool {
	_, err := exec(ctx, "timeout", "2", "bash", "-c", "exec 3<>/dev/tcp/"+address+"/"+port)
	return err == nil
}
