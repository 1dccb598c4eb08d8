package lab

import (
	"context"
	"errors"
	"net/http"

	"github.com/klustered/klustered/lab/kubeapi"
	"github.com/klustered/klustered/lab/node"
)

// stopLeaders ends the two programs that lead by lease. The kubelet, which would start
// them again, is at rest by then.
const stopLeaders = `for name in kube-controller kube-scheduler; do pkill -KILL -x $name; done
for i in $(seq 50); do pgrep -x 'kube-controller|kube-scheduler' >/dev/null || exit 0; sleep 0.1; done
exit 1`

// stopTasks ends every container of a node: kindly, then at once.
const stopTasks = `tasks() { ctr -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1 }'; }
for t in $(tasks); do ctr -n k8s.io tasks kill -s SIGTERM $t; done 2>/dev/null
for i in $(seq 30); do pgrep -x etcd >/dev/null || break; sleep 0.1; done
for t in $(tasks); do ctr -n k8s.io tasks kill -a -s SIGKILL $t; done 2>/dev/null
for i in $(seq 50); do [ -z "$(tasks)" ] && break; sleep 0.1; done
systemctl stop containerd
journalctl --sync
sync -f /var`

// rest stops the cluster such that its disks can be copied. The leases of the leaders are
// removed: a cluster that starts from the copy need not wait for them to run out.
func (c *Cluster) rest(ctx context.Context) error {
	if err := c.shell(ctx, c.nodes, "systemctl stop kubelet"); err != nil {
		return err
	}
	if err := c.shell(ctx, c.controlPlanes(), stopLeaders); err != nil {
		return err
	}
	if err := c.dropLeases(ctx); err != nil {
		return err
	}
	return c.shell(ctx, c.nodes, stopTasks)
}

// wake lets a cluster at rest go on.
func (c *Cluster) wake(ctx context.Context) error {
	return c.shell(ctx, c.nodes, "systemctl start containerd kubelet")
}

func (c *Cluster) shell(ctx context.Context, nodes []*node.Node, script string) error {
	return eachNode(nodes, func(n *node.Node) error {
		_, err := n.Exec(ctx, "sh", "-c", script)
		return err
	})
}

func (c *Cluster) controlPlanes() []*node.Node {
	var list []*node.Node
	for _, n := range c.nodes {
		if n.Role == ControlPlane {
			list = append(list, n)
		}
	}
	return list
}

func (c *Cluster) dropLeases(ctx context.Context) error {
	api, err := c.API(ctx, nil)
	if err != nil {
		return err
	}
	defer api.Close()
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		path := "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/" + name
		_, err := api.Do(ctx, http.MethodDelete, path, "", nil)
		var status *kubeapi.StatusError
		if err != nil && !(errors.As(err, &status) && status.Code == http.StatusNotFound) {
			return err
		}
	}
	return nil
}
