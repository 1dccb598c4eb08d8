package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/klustered/klustered/internal/collect/etcd/disk"
	"github.com/klustered/klustered/internal/collect/etcd/store"
	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// maxStored is how many objects of a kind are read from etcd.
const maxStored = 5000

// A pair is a key of etcd and its value.
type pair struct {
	key   string
	value []byte
}

// errLeftOut comes with the objects that were read, where there are more.
var errLeftOut = errors.New("objects were left out")

// fromEtcd reads the objects from the member of this node. It may return both
// objects and errLeftOut.
func fromEtcd(ctx context.Context, e *source.Env, cfg member.Config, limit time.Duration) ([]pair, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	for _, url := range cfg.Clients {
		var out []pair
		if out, err = fromMember(ctx, e, cfg, url); err == nil || errors.Is(err, errLeftOut) {
			return out, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func fromMember(ctx context.Context, e *source.Env, cfg member.Config, url string) ([]pair, error) {
	c, err := cfg.Dial(e, url)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var out []pair
	var more error
	for _, k := range kinds {
		req := &pb.RangeRequest{Key: []byte(k.prefix), Serializable: true, Limit: maxStored}
		if !k.one {
			req.RangeEnd = append([]byte(k.prefix[:len(k.prefix)-1]), '/'+1)
		}
		got, err := c.KV.Range(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("cannot read %s from etcd at %s: %w", k.name, url, err)
		}
		for _, kv := range got.Kvs {
			out = append(out, pair{string(kv.Key), kv.Value})
		}
		if left := got.Count - int64(len(got.Kvs)); got.More && !k.one {
			more = errors.Join(more, fmt.Errorf("%w: %d of the %s in etcd", errLeftOut, left, k.name))
		}
	}
	return out, more
}

// fromFile reads the objects from the member's file and its log.
func fromFile(ctx context.Context, e *source.Env, cfg member.Config, limit time.Duration) ([]pair, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s, err := disk.Read(ctx, e, cfg.DB(), true, store.Options{Want: wanted})
	if s == nil || len(s.Keys) == 0 {
		return nil, errors.Join(err, fmt.Errorf("cannot find objects in %s", cfg.DB()))
	}
	out, left := kept(s.Store)
	if left > 0 {
		err = errors.Join(err, fmt.Errorf("%w: %d of those in %s", errLeftOut, left, cfg.DB()))
	}
	return out, err
}

// kept are the objects whose values a store kept, by their keys, and how many
// it did not keep because there are too many.
func kept(s *store.Store) (out []pair, left int) {
	for _, k := range s.Keys {
		switch {
		case k.Gone || !wanted(k.Name):
		case k.Value == nil:
			left++
		case len(k.Value) > 0:
			out = append(out, pair{k.Name, k.Value})
		}
	}
	order.By(out, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	return out, left
}

// decode adds stored objects to c. An error says which kinds cannot be read.
func decode(c *snapshot.Cluster, list []pair, node string) error {
	var errs []error
	for _, k := range kinds {
		var bad error
		var opened []object.Message
		n := 0
		for _, p := range list {
			if !k.matches(p.key) {
				continue
			}
			m, err := k.open(c, p.value)
			if err != nil {
				bad, n = err, n+1
				continue
			}
			opened = append(opened, m)
		}
		if k.after != nil {
			errs = append(errs, k.after(c, opened, node))
		}
		if bad != nil {
			errs = append(errs, fmt.Errorf("cannot read %d of the %s in etcd: %w", n, k.name, bad))
		}
	}
	for i := range c.GitOps {
		c.GitOps[i].Version = "" // the one it is stored in may be served no more
	}
	return errors.Join(errs...)
}

// open adds a stored value to c and returns its message, where it is one.
func (k kind) open(c *snapshot.Cluster, value []byte) (object.Message, error) {
	if k.obj == nil {
		_, m, err := object.Open(value)
		if err == nil {
			k.add(c, m)
		}
		return m, err
	}
	apiVersion, name, raw, o, err := schema.Open(value)
	if err == nil && o == nil {
		o, err = schema.Lean(apiVersion, name, raw)
	}
	if err == nil {
		k.obj(c, o)
	}
	return nil, err
}
