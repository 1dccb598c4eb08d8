// Package oracle asks a lab's cluster, by its own means, whether it serves its
// users. It knows nothing of faults, rules or snapshots, so that the lab never
// marks its own homework: it uses kubectl and curl inside the nodes, and the
// one kubeconfig that no drill touches.
package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/lab/node"
)

// A Check is one question to a cluster. Ask returns nil when all is well, and
// otherwise what is not, as a person would say it.
type Check struct {
	Name string
	Ask  func(ctx context.Context, c Cluster) error
}

// A Cluster is a lab's nodes, control planes first.
type Cluster []*node.Node

// A Result is a check's answer.
type Result struct {
	Name string
	Err  error
	Took time.Duration
}

// Run asks every check, all at once, and returns the answers in order.
func Run(ctx context.Context, c Cluster, checks []Check) []Result {
	out := make([]Result, len(checks))
	var wg sync.WaitGroup
	for i, k := range checks {
		wg.Go(func() {
			begin := time.Now()
			out[i] = Result{Name: k.Name, Err: k.Ask(ctx, c)}
			out[i].Took = time.Since(begin)
		})
	}
	wg.Wait()
	return out
}

// Failed joins the errors of results, each with its check's name.
func Failed(results []Result) error {
	var errs []error
	for _, r := range results {
		if r.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.Name, r.Err))
		}
	}
	return errors.Join(errs...)
}

// Health are the checks that every healthy lab passes.
func Health() []Check {
	return []Check{
		{"nodes are Ready", nodesReady},
		{"an object can be created and deleted", canWrite},
		{"a new pod on every node starts, resolves a name and reaches a Service", podsServe},
		{"the canary answers quickly on every node's port", canaryAnswers},
	}
}

// Kubectl runs kubectl on the first control plane with the break-glass
// credentials that kubeadm leaves in super-admin.conf.
func (c Cluster) Kubectl(ctx context.Context, args ...string) ([]byte, error) {
	argv := append([]string{"kubectl", "--kubeconfig=/etc/kubernetes/super-admin.conf", "--request-timeout=10s"}, args...)
	return c[0].Exec(ctx, argv...)
}

// KubectlInput is Kubectl with a standard input.
func (c Cluster) KubectlInput(ctx context.Context, input string, args ...string) ([]byte, error) {
	argv := append([]string{"kubectl", "--kubeconfig=/etc/kubernetes/super-admin.conf", "--request-timeout=10s"}, args...)
	return c[0].ExecInput(ctx, strings.NewReader(input), argv...)
}

func nodesReady(ctx context.Context, c Cluster) error {
	out, err := c.Kubectl(ctx, "get", "nodes", "-o", "json")
	if err != nil {
		return err
	}
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Status   struct {
				Conditions []struct{ Type, Status, Message string }
			}
		}
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return fmt.Errorf("cannot read the nodes: %w", err)
	}
	if len(list.Items) != len(c) {
		return fmt.Errorf("%d nodes are registered, want %d", len(list.Items), len(c))
	}
	for _, n := range list.Items {
		for _, cond := range n.Status.Conditions {
			if cond.Type == "Ready" && cond.Status != "True" {
				return fmt.Errorf("node %s is not Ready: %s", n.Metadata.Name, cond.Message)
			}
		}
	}
	return nil
}

// canWrite creates and deletes one object. The bound is generous: it is for
// writes that fail or hang, not for slow ones.
func canWrite(ctx context.Context, c Cluster) error {
	name := "oracle-" + token()
	if _, err := c.Kubectl(ctx, "create", "configmap", name, "--from-literal=a=b"); err != nil {
		return err
	}
	_, err := c.Kubectl(ctx, "delete", "configmap", name, "--wait=false")
	return err
}

// podsServe starts one pod on every node that asks the canary's back by name.
func podsServe(ctx context.Context, c Cluster) error {
	errs := make([]error, len(c))
	var wg sync.WaitGroup
	for i, n := range c {
		wg.Go(func() { errs[i] = podServes(ctx, c, n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

const podTemplate = `apiVersion: v1
kind: Pod
metadata: {name: %[1]s, namespace: default}
spec:
  nodeName: %[2]s
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  tolerations: [{operator: Exists}]
  containers:
  - name: canary
    image: klustered.dev/canary:v1
    imagePullPolicy: IfNotPresent
    args: ["-back=http://back.canary.svc.cluster.local/"]
    readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 1}
`

func podServes(ctx context.Context, c Cluster, n *node.Node) error {
	name := "oracle-" + token()
	if _, err := c.KubectlInput(ctx, fmt.Sprintf(podTemplate, name, n.Name), "create", "-f", "-"); err != nil {
		return err
	}
	defer c.Kubectl(context.WithoutCancel(ctx), "delete", "pod", name, "--wait=false", "--grace-period=0", "--force")
	ip, err := waitPod(ctx, c, name, 40*time.Second)
	if err != nil {
		return fmt.Errorf("on node %s: %w", n.Name, err)
	}
	if _, err := get(ctx, n, "http://"+ip+":8080/"); err != nil {
		return fmt.Errorf("pod on node %s cannot reach the back: %w", n.Name, err)
	}
	return nil
}

func waitPod(ctx context.Context, c Cluster, name string, limit time.Duration) (ip string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		out, err := c.Kubectl(ctx, "get", "pod", name, "-o",
			`jsonpath={.status.podIP} {.status.conditions[?(@.type=="Ready")].status}`)
		if ip, ready, _ := strings.Cut(string(out), " "); err == nil && ready == "True" {
			return ip, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("a new pod is not ready after %s", limit)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// slowest is the longest that the median canary request may take. On an idle
// two-core lab it takes about 5 ms, with the machine busy about 50.
const slowest = 400 * time.Millisecond

func canaryAnswers(ctx context.Context, c Cluster) error {
	for _, n := range c {
		var took []time.Duration
		for range 9 {
			d, err := get(ctx, n, "http://"+n.Address+":30080/")
			if err != nil {
				return fmt.Errorf("on node %s: %w", n.Name, err)
			}
			took = append(took, d)
		}
		slices.Sort(took)
		if m := took[len(took)/2]; m > slowest {
			return fmt.Errorf("on node %s the canary takes %s, more than %s", n.Name, m.Round(time.Millisecond), slowest)
		}
	}
	return nil
}

// get fetches url from inside a node and returns how long it took.
func get(ctx context.Context, n *node.Node, url string) (time.Duration, error) {
	out, err := n.Exec(ctx, "curl", "-sS", "-o", "/dev/null", "--noproxy", "*", "-m", "5",
		"-w", "%{http_code} %{time_total}", url)
	if err != nil {
		return 0, err
	}
	code, seconds, _ := strings.Cut(string(out), " ")
	if code != "200" {
		return 0, fmt.Errorf("%s answers %s", url, code)
	}
	s, err := strconv.ParseFloat(seconds, 64)
	return time.Duration(s * float64(time.Second)), err
}
