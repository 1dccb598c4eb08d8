package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/image"
	"github.com/klustered/klustered/lab/node"
)

// waitSystemd waits until systemd has started what it starts at boot.
func (c *Cluster) waitSystemd(ctx context.Context) error {
	return each(c.Nodes, func(n *node.Node) error {
		return poll(ctx, time.Minute, 200*time.Millisecond, func() error {
			out, err := n.Exec(ctx, "systemctl", "is-system-running")
			switch state := strings.TrimSpace(string(out)); state {
			case "running", "degraded":
				return nil
			case "":
				return err
			default:
				return fmt.Errorf("systemd is %q", state)
			}
		})
	})
}

// configureRuntime writes containerd's configuration and starts it anew.
func (c *Cluster) configureRuntime(ctx context.Context) error {
	config, err := render("containerd.toml", values{
		"Pause":         image.Repository + "/pause:" + image.PauseTag,
		"Unprivileged":  strconv.FormatBool(!c.Privileged),
		"SystemdCgroup": strconv.FormatBool(c.CgroupDriver == "systemd"),
	})
	if err != nil {
		return err
	}
	return each(c.Nodes, func(n *node.Node) error {
		if err := n.WriteFile(ctx, "/etc/containerd/config.toml", []byte(config), 0o644); err != nil {
			return err
		}
		_, err := n.Exec(ctx, "systemctl", "restart", "containerd")
		return err
	})
}

// loadImages gives every node the container images of the cluster.
func (c *Cluster) loadImages(ctx context.Context) error {
	return each(c.Nodes, func(n *node.Node) error {
		archive, err := os.Open(c.Image.Archive)
		if err != nil {
			return err
		}
		defer archive.Close()
		out, err := n.ExecInput(ctx, archive, "ctr", "-n", "k8s.io", "images", "import", "--local", "-")
		if err == nil && !strings.Contains(string(out), image.Repository) {
			err = errors.New("no image was imported: " + string(out))
		}
		return err
	})
}
