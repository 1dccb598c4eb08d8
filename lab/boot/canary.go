package boot

import (
	"context"
	"fmt"
	"strconv"

	"github.com/klustered/klustered/lab/image"
)

// deployCanary creates the workload that shows whether the cluster serves.
func (c *Cluster) deployCanary(ctx context.Context) error {
	manifest, err := canary(min(len(c.Nodes), 2))
	if err != nil {
		return err
	}
	_, err = c.kubectl(ctx, manifest, "apply", "-f", "-")
	return err
}

// canary is the manifest of the workload: a back, and a front that asks it and
// answers on a port of every node.
func canary(replicas int) (string, error) {
	manifest, err := render("canary.yaml", nil)
	if err != nil {
		return "", err
	}
	front := values{"Name": "front", "Args": `["-back", "http://back.canary/"]`,
		"Type": "  type: NodePort", "NodePort": fmt.Sprintf("    nodePort: %d", CanaryPort)}
	for _, v := range []values{{"Name": "back", "Args": "[]", "Type": "", "NodePort": ""}, front} {
		v["Image"], v["Replicas"] = image.Repository+"/canary:"+image.CanaryTag, strconv.Itoa(replicas)
		part, err := render("canary-part.yaml", v)
		if err != nil {
			return "", err
		}
		manifest += part
	}
	return manifest, nil
}
