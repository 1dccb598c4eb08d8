package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/kubeapi"
	"github.com/klustered/klustered/snapshot"
)

// errNoWay means that the node has no credentials for any API server.
var errNoWay = errors.New("cannot ask the API server: no kubeconfig of the node can be used")

// connect finds the first credentials that an API server takes. What it
// learned of the server, also when none does, is in api.
func connect(ctx context.Context, e *source.Env, local string, api *snapshot.APIServer) (*kubeapi.Client, error) {
	dead := map[string]bool{}
	err := errNoWay
	for _, cfg := range ways(e, local) {
		if dead[cfg.Server] {
			continue
		}
		c, bad := kubeapi.New(cfg)
		if bad != nil {
			err = bad
			continue
		}
		name, status, bad := whoami(ctx, c)
		if bad == nil && status == http.StatusBadRequest {
			// what a server of TLS says to plain HTTP; the question itself is sound
			bad = fmt.Errorf("it says %d, as one does that is asked in another protocol", status)
		}
		if bad != nil {
			dead[cfg.Server] = true
			c.Close()
			note(api, cfg.Server, fmt.Sprintf("%s does not answer: %v", cfg.Server, bad))
			err = fmt.Errorf("cannot ask the API server at %s: %w", cfg.Server, bad)
			if ctx.Err() != nil {
				break
			}
			continue
		}
		api.URL, api.Reachable, api.Identity = cfg.Server, true, name
		if status != http.StatusUnauthorized {
			if status/100 != 2 && status != http.StatusForbidden {
				api.Error = fmt.Sprintf("it says %d to %s", status, cfg.Source)
			}
			return c, nil
		}
		c.Close()
		note(api, cfg.Server, "it does not accept the credentials of "+cfg.Source)
		err = fmt.Errorf("cannot ask the API server at %s: it does not accept the credentials of %s", cfg.Server, cfg.Source)
	}
	return nil, err
}

// note keeps the first thing that went wrong.
func note(api *snapshot.APIServer, server, text string) {
	if api.URL == "" {
		api.URL = server
	}
	if api.Error == "" {
		api.Error = text
	}
}

// ways are the kubeconfigs of the node, and then the same credentials at the
// API server of the node itself, whose URL is local or "".
func ways(e *source.Env, local string) []kubeapi.Config {
	var out []kubeapi.Config
	for _, file := range kubeapi.Kubeconfigs {
		if cfg, err := kubeapi.Load(e, file); err == nil {
			out = append(out, cfg)
		}
	}
	for _, cfg := range slices.Clone(out) {
		if local != "" && cfg.Server != local {
			cfg.Server = local
			out = append(out, cfg)
		}
	}
	return out
}

// localServer is the URL of the API server that this node's manifest starts,
// and whether there is one.
func localServer(st *snapshot.Static) (string, bool) {
	if st == nil {
		return "", false
	}
	_, c, ok := st.Component("kube-apiserver")
	if !ok {
		return "", false
	}
	address, ok := c.Flag("advertise-address")
	if !ok || address.Value == "" {
		return "", true
	}
	port := "6443"
	if p, ok := c.Flag("secure-port"); ok {
		port = p.Value
	}
	host := address.Value
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "https://" + host + ":" + port, true
}

// An answer is what was got of one kind.
type answer struct {
	items   []object.Message
	objects []schema.Object // where the answer was JSON
	denied  bool
	absent  bool // there is none of that path
	more    bool // there are more than were asked for
	err     error
}

// list reads all kinds at once, each as far as the credentials reach. second,
// where it is not nil, is asked for what the first is denied.
func list(ctx context.Context, first, second *kubeapi.Client, node string) []answer {
	out := make([]answer, len(kinds))
	var wg sync.WaitGroup
	for i, k := range kinds {
		wg.Go(func() {
			err := source.Caught(func() error {
				out[i] = reach(ctx, first, second, k, node)
				return nil
			})
			if err != nil {
				out[i] = answer{err: err}
			}
		})
	}
	wg.Wait()
	return out
}

// reach reads one kind as far as the credentials reach.
func reach(ctx context.Context, first, second *kubeapi.Client, k kind, node string) answer {
	a := get(ctx, first, k, "")
	if a.denied && second != nil {
		a = get(ctx, second, k, "")
	}
	if a.denied && k.own != "" && node != "" {
		a = get(ctx, first, k, strings.ReplaceAll(k.own, "NODE", node))
		a.denied = true // the rest still is
	}
	return a
}

// get reads one kind, in the first version that is served.
func get(ctx context.Context, c *kubeapi.Client, k kind, selector string) answer {
	a := getAt(ctx, c, k, k.path, selector)
	for _, path := range k.older {
		if !a.absent {
			break
		}
		a = getAt(ctx, c, k, path, selector)
	}
	return a
}

// getAt reads one kind: from the API server's cache, which spares etcd.
func getAt(ctx context.Context, c *kubeapi.Client, k kind, path, selector string) answer {
	if !k.one {
		q := url.Values{"resourceVersion": {"0"}}
		if k.limit > 0 { // the cache knows no limit
			q = url.Values{"limit": {strconv.Itoa(k.limit)}}
		}
		if selector != "" {
			q.Set("fieldSelector", selector)
		}
		path += "?" + q.Encode()
	}
	status, body, err := c.Do(ctx, http.MethodGet, path, "", kubeapi.Protobuf, nil)
	switch {
	case err != nil:
		return answer{err: err}
	case status == http.StatusForbidden:
		return answer{denied: true}
	case status == http.StatusNotFound:
		return answer{absent: true}
	case status != http.StatusOK:
		return answer{err: errors.New(message(status, body))}
	}
	if len(body) > 0 && body[0] == '{' {
		list, err := schema.Decode(body)
		return answer{objects: list.List("items"), err: err}
	}
	_, m, err := object.Open(body)
	if err != nil {
		return answer{err: err}
	}
	if k.one {
		return answer{items: []object.Message{m}}
	}
	return answer{items: m.All(2), more: m.Sub(1).String(3) != ""}
}

// take adds the answers to c and reports how many kinds were read.
func take(c *snapshot.Cluster, answers []answer, node string) (int, error) {
	n := 0
	var errs []error
	for i, a := range answers {
		if a.denied {
			c.API.Denied = append(c.API.Denied, kinds[i].name)
		}
		if a.err != nil {
			errs = append(errs, fmt.Errorf("cannot list %s: %w", kinds[i].name, a.err))
			continue
		}
		if !a.denied || len(a.items) > 0 {
			n++
		}
		for _, m := range a.items {
			if err := kinds[i].take(c, m); err != nil {
				errs = append(errs, fmt.Errorf("cannot read one of the %s: %w", kinds[i].name, err))
				break
			}
		}
		if kinds[i].after != nil {
			errs = append(errs, kinds[i].after(c, a.items, node))
		}
		for _, o := range a.objects {
			if kinds[i].obj != nil {
				kinds[i].obj(c, o)
			}
		}
		if a.more {
			errs = append(errs, fmt.Errorf("there are more than %d %s: the rest was left out", kinds[i].limit, kinds[i].name))
		}
	}
	return n, errors.Join(errs...)
}
