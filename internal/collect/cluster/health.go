package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/kubeapi"
	"github.com/klustered/klustered/snapshot"
)

// reads is how many small reads are timed.
const reads = 4

// measure asks the API server how it is. All questions end with ctx.
func measure(ctx context.Context, c *kubeapi.Client, node string, api *snapshot.APIServer) {
	var wg sync.WaitGroup
	wg.Go(func() { api.Ready, api.Failing = ready(ctx, c) })
	wg.Go(func() { api.LatencyMs = timedReads(ctx, c, node) })
	var denied bool
	wg.Go(func() { api.Write, api.WriteMs, denied = dryRun(ctx, c, "configmaps", probeMap) })
	wg.Go(func() { api.PodWrite, _, _ = dryRun(ctx, c, "pods", probePod) })
	wg.Wait()
	if denied {
		api.Denied = append(api.Denied, "create configmaps")
	}
}

// ready reads /readyz?verbose.
func ready(ctx context.Context, c *kubeapi.Client) (bool, []string) {
	status, answer, err := c.Do(ctx, http.MethodGet, "/readyz?verbose", "", "*/*", nil)
	if err != nil {
		return false, []string{"readyz: " + err.Error()}
	}
	return status == http.StatusOK, failing(answer)
}

// failing lists the checks that failed of a verbose answer of /readyz, whose
// lines are "[+]name ok" and "[-]name failed: reason".
func failing(answer []byte) []string {
	var out []string
	sc := bufio.NewScanner(bytes.NewReader(answer))
	for sc.Scan() {
		if rest, ok := strings.CutPrefix(sc.Text(), "[-]"); ok {
			name, _, _ := strings.Cut(rest, " ")
			out = append(out, name)
		}
	}
	return out
}

// timedReads reads one small object a few times. A single object without a
// resourceVersion is read from etcd, by agreement of its members.
func timedReads(ctx context.Context, c *kubeapi.Client, node string) []float64 {
	path := "/api/v1/namespaces/kube-system"
	if node != "" {
		path = "/api/v1/nodes/" + node // a kubelet may read it too
	}
	var out []float64
	for range reads {
		start := time.Now()
		status, _, err := c.Do(ctx, http.MethodGet, path, "", kubeapi.Protobuf, nil)
		took := float64(time.Since(start).Microseconds()) / 1000
		switch {
		case err != nil:
			return append(out, took) // at least that long
		case status == http.StatusOK || status == http.StatusNotFound:
			out = append(out, took)
		default:
			return out // it did not come as far as etcd
		}
	}
	return out
}

// probeMap is a ConfigMap that is never stored.
const probeMap = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"klustered-dry-run","namespace":"default"}}`

// probePod is a Pod that is never stored, and within what the strictest of the
// Pod Security Standards allows.
const probePod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"klustered-dry-run","namespace":"default"},"spec":{` +
	`"automountServiceAccountToken":false,"securityContext":{"runAsNonRoot":true,"runAsUser":65534,"seccompProfile":{"type":"RuntimeDefault"}},` +
	`"containers":[{"name":"none","image":"registry.invalid/none:0","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}}`

// dryRun asks for an object to be created without its being stored: it goes
// through authorization and admission as any other, and stops before etcd.
func dryRun(ctx context.Context, c *kubeapi.Client, resource, body string) (said string, ms float64, denied bool) {
	start := time.Now()
	status, answer, err := c.Do(ctx, http.MethodPost, "/api/v1/namespaces/default/"+resource+"?dryRun=All",
		"application/json", kubeapi.Protobuf, []byte(body))
	ms = float64(time.Since(start).Microseconds()) / 1000
	switch {
	case err != nil:
		return err.Error(), ms, false
	case status == http.StatusForbidden && strings.Contains(message(status, answer), "cannot create resource"):
		return "", 0, true
	case status == http.StatusCreated, status == http.StatusConflict:
		return "ok", ms, false
	}
	return message(status, answer), ms, false
}

// message is what an answer that is no success says.
func message(status int, answer []byte) string {
	text := http.StatusText(status)
	if _, m, err := object.Open(answer); err == nil {
		if s := m.String(3); s != "" {
			text = s
		}
	} else {
		var x struct{ Message string }
		if json.Unmarshal(answer, &x) == nil && x.Message != "" {
			text = x.Message
		}
	}
	return fmt.Sprintf("%d: %s", status, text)
}

// whoami asks for whom the credentials are taken. It is the first request:
// its status tells whether they are taken at all.
func whoami(ctx context.Context, c *kubeapi.Client) (name string, status int, err error) {
	const body = `{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`
	status, answer, err := c.Do(ctx, http.MethodPost, "/apis/authentication.k8s.io/v1/selfsubjectreviews",
		"application/json", "application/json", []byte(body))
	if err != nil {
		return "", 0, err
	}
	var x struct {
		Status struct {
			UserInfo struct {
				Username string `json:"username"`
			} `json:"userInfo"`
		} `json:"status"`
	}
	if status/100 == 2 && json.Unmarshal(answer, &x) == nil {
		name = x.Status.UserInfo.Username
	}
	return name, status, nil
}
