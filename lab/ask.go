package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/klustered/klustered/lab/kubeapi"
)

// askCanary asks the front once: it must answer with the name of a back.
func askCanary(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	var answer struct{ Host, Back string }
	if json.Unmarshal(body, &answer) != nil || answer.Back == "" {
		return fmt.Errorf("HTTP %d: %s", resp.StatusCode, strings.TrimSpace(string(body)))
	}
	return nil
}

func (c *Cluster) nodesReady(ctx context.Context, api *kubeapi.Client, since time.Time) error {
	var nodes objectList
	if err := api.Read(ctx, "/api/v1/nodes", &nodes); err != nil {
		return err
	}
	var leases objectList
	if err := api.Read(ctx, "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", &leases); err != nil {
		return err
	}
	renewed := map[string]time.Time{}
	for _, l := range leases.Items {
		renewed[l.Metadata.Name] = l.Spec.RenewTime
	}
	ready := map[string]bool{}
	for _, n := range nodes.Items {
		ready[n.Metadata.Name] = n.is("Ready") && renewed[n.Metadata.Name].After(since)
	}
	for _, n := range c.nodes {
		if !ready[n.Name] {
			return fmt.Errorf("node %s is not ready", n.Name)
		}
	}
	return nil
}

func podsReady(ctx context.Context, api *kubeapi.Client, since time.Time, static bool) error {
	for _, namespace := range []string{"kube-system", "canary"} {
		var pods objectList
		if err := api.Read(ctx, "/api/v1/namespaces/"+namespace+"/pods", &pods); err != nil {
			return err
		}
		if len(pods.Items) == 0 {
			return fmt.Errorf("there is no pod in %s", namespace)
		}
		for _, pod := range pods.Items {
			if pod.mirror() && !static {
				continue
			}
			if !pod.is("Ready") || !pod.startedAfter(since) {
				return fmt.Errorf("pod %s/%s is not ready", namespace, pod.Metadata.Name)
			}
		}
	}
	return nil
}
