package boot

import (
	"context"

	"github.com/klustered/klustered/lab/image"
)

type canaryPart struct {
	Name, Args string
	NodePort   int
}

// deployCanary creates the workload that shows whether the cluster serves.
func (c *Cluster) deployCanary(ctx context.Context) error {
	manifest, err := render("canary.yaml", map[string]any{
		"Image":    image.Repository + "/canary:" + image.CanaryTag,
		"Replicas": min(len(c.Nodes), 2),
		"Parts": []canaryPart{
			{Name: "back", Args: "[]"},
			{Name: "front", Args: `["-back", "http://back.canary/"]`, NodePort: CanaryPort},
		},
	})
	if err != nil {
		return err
	}
	_, err = c.kubectl(ctx, manifest, "apply", "-f", "-")
	return err
}
