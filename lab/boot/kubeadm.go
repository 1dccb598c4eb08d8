package boot

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
)

// ignored are the preflight checks that a container on somebody's host cannot pass: they
// look for a kernel's configuration file, two cores and as much memory as a server has.
const ignored = "[SystemVerification, NumCPU, Mem, Swap]"

// probeOften lets CoreDNS be asked every second whether it is ready, not every tenth: a
// cluster that starts anew waits for it.
const probeOften = `[{"op":"replace","path":"/spec/template/spec/containers/0/readinessProbe/periodSeconds","value":1}]`

// kubeadmInit makes the first control plane.
func (c *Cluster) kubeadmInit(ctx context.Context) error {
	if c.balanced() {
		if err := each(c.Nodes, func(n *node.Node) error { return c.startBalancer(ctx, n) }); err != nil {
			return err
		}
	}
	config, err := render("kubeadm-init.yaml", c.initValues())
	if err != nil {
		return err
	}
	n := c.first()
	args := []string{"init", "--skip-token-print"}
	if c.balanced() {
		args = append(args, "--upload-certs")
	}
	if err := c.kubeadm(ctx, n, config, args...); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, "", "-n", "kube-system", "patch", "deployment", "coredns", "--type=json", "-p", probeOften); err != nil {
		return err
	}
	if len(c.workers()) > 0 {
		return nil
	}
	_, err = c.kubectl(ctx, "", "taint", "node", "--all", "node-role.kubernetes.io/control-plane-")
	return err
}

func (c *Cluster) initValues() values {
	v := values{
		"Token": c.secrets.token, "CertificateKey": c.secrets.certificateKey,
		"Address": c.first().Address, "Node": c.first().Name, "Ignore": ignored,
		"Kubernetes": c.Image.Kubernetes, "Repository": image.Repository,
		"PodSubnet": PodSubnet, "ServiceSubnet": ServiceSubnet,
		"EtcdTag": image.EtcdTag, "CoreDNSTag": image.CoreDNSTag,
		"CgroupDriver": c.CgroupDriver, "Unprivileged": strconv.FormatBool(!c.Privileged), "ControlPlaneEndpoint": "",
	}
	if c.balanced() {
		v["ControlPlaneEndpoint"] = "controlPlaneEndpoint: " + c.endpoint()
	}
	return v
}

// joinOne gives the step that joins one node.
func (c *Cluster) joinOne(n *node.Node) func(context.Context) error {
	return func(ctx context.Context) error {
		ca, err := c.first().ReadFile(ctx, "/etc/kubernetes/pki/ca.crt")
		if err != nil {
			return err
		}
		hash, err := caHash(ca)
		if err != nil {
			return err
		}
		config, err := c.joinConfig(n, hash)
		if err != nil {
			return err
		}
		return c.kubeadm(ctx, n, config, "join")
	}
}

// joinConfig is what kubeadm join is told on a node.
func (c *Cluster) joinConfig(n *node.Node, caHash string) (string, error) {
	v := values{
		"Endpoint": c.endpoint(), "Token": c.secrets.token, "CAHash": caHash, "CertificateKey": c.secrets.certificateKey,
		"Address": n.Address, "Node": n.Name, "Ignore": ignored, "ControlPlane": "",
	}
	if n.Role == node.ControlPlane {
		block, err := render("kubeadm-join-control-plane.yaml", v)
		if err != nil {
			return "", err
		}
		v["ControlPlane"] = strings.TrimSuffix(block, "\n")
	}
	return render("kubeadm-join.yaml", v)
}

func (c *Cluster) joinWorkers(ctx context.Context) error {
	return each(c.workers(), func(n *node.Node) error { return c.joinOne(n)(ctx) })
}

// kubeadm runs kubeadm on a node with a configuration that is gone afterwards, as it
// holds the join token.
func (c *Cluster) kubeadm(ctx context.Context, n *node.Node, config string, args ...string) error {
	if _, err := n.Exec(ctx, "systemctl", "enable", "kubelet"); err != nil {
		return err
	}
	const path = "/run/kubeadm.yaml"
	if err := n.WriteFile(ctx, path, []byte(config), 0o600); err != nil {
		return err
	}
	out, err := n.Exec(ctx, append([]string{"kubeadm"}, append(args, "--config", path)...)...)
	if err != nil {
		return fmt.Errorf("%w\n--- kubeadm on %s ---\n%s", err, n.Name, lastLines(string(out), 15))
	}
	_, err = n.Exec(ctx, "rm", "-f", path)
	return err
}

// startBalancer lets a node reach whichever API server answers.
func (c *Cluster) startBalancer(ctx context.Context, n *node.Node) error {
	var servers []string
	for _, cp := range c.controlPlanes() {
		servers = append(servers, cp.Address+":6443")
	}
	text := "SERVERS=" + strings.Join(servers, ",") + "\n"
	if err := n.WriteFile(ctx, "/etc/default/api-balancer", []byte(text), 0o644); err != nil {
		return err
	}
	_, err := n.Exec(ctx, "systemctl", "restart", "api-balancer")
	return err
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
