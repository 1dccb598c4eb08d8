// Package cluster collects the Kubernetes objects: from the API server, and
// when that does not answer from etcd, and when that does not either from
// etcd's file. What is found is the same section, and its Source says where.
package cluster

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/kubeapi"
	"github.com/klustered/klustered/internal/member"
	"github.com/klustered/klustered/snapshot"
)

// Deadlines. A server that is not there costs the time to connect; one that
// is there and slow has longer.
const (
	timeout     = 3 * time.Second
	connectTime = 1500 * time.Millisecond
	listTime    = 1900 * time.Millisecond // from the start
	measureTime = 2400 * time.Millisecond // from the start
	etcdTime    = 600 * time.Millisecond
	fileTime    = 800 * time.Millisecond
)

// Collectors returns the collector of the cluster section. Where nothing but
// the silence of the API server is known the section has no Source.
func Collectors() []source.Collector {
	return []source.Collector{{
		Section: snapshot.SectionCluster,
		After:   []snapshot.Section{snapshot.SectionStatic},
		Timeout: timeout,
		Collect: collect,
	}}
}

func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	c := &snapshot.Cluster{}
	local, isLocal := localServer(s.Static)
	c.ControlPlane = isLocal || s.Static == nil && e.Exists(member.ManifestDir+"/kube-apiserver.yaml")
	var asked error
	if e.Live {
		asked = fromAPI(ctx, e, s.Node, local, c)
	}
	if c.Source != "" {
		s.Cluster = c
		bound(e, c)
		return asked
	}
	stored := fromStore(ctx, e, s, c)
	switch {
	case c.Source != "":
		s.Cluster = c
		bound(e, c)
		e.Gap(snapshot.SectionCluster, c.API.URL, asked)
		return stored
	case c.API.URL != "":
		s.Cluster = c // that it does not answer is evidence
		e.Gap(snapshot.SectionCluster, "etcd", stored)
	}
	return errors.Join(asked, stored)
}

// fromAPI fills c from the API server.
func fromAPI(ctx context.Context, e *source.Env, node, local string, c *snapshot.Cluster) error {
	start := time.Now()
	connecting, cancel := context.WithTimeout(ctx, connectTime)
	client, err := connect(connecting, e, local, &c.API)
	cancel()
	if err != nil {
		return err
	}
	defer client.Close()
	var second *kubeapi.Client
	if strings.HasPrefix(c.API.Identity, "system:node:") {
		if second = asProxy(e, client.Config); second != nil {
			defer second.Close()
		}
	}
	measuring, cancel := context.WithDeadline(ctx, start.Add(measureTime))
	defer cancel()
	listing, cancel := context.WithDeadline(ctx, start.Add(listTime))
	defer cancel()
	writing := watchWrites(measuring, client)
	measured := make(chan snapshot.APIServer, 1)
	go func() {
		api := c.API
		measure(measuring, client, node, &api)
		measured <- api
	}()
	answers := list(listing, client, second, node)
	c.API = <-measured
	found := snapshot.Cluster{API: c.API, ControlPlane: c.ControlPlane}
	n, err := take(&found, answers, node)
	if n == 0 || n < len(kinds)/2 && err != nil {
		c.API.Denied = found.API.Denied
		return errors.Join(errors.New("cannot list objects: the API server does not give them"), err)
	}
	found.Source = "api"
	found.API.Writes = writing.end(measuring, func() bool { return leadersLate(found.Leases, time.Now()) })
	*c = found
	return err
}

// fromStore fills c from etcd or its file.
func fromStore(ctx context.Context, e *source.Env, s *snapshot.Snapshot, c *snapshot.Cluster) error {
	cfg, ok := config(e, s.Static)
	if !ok {
		return errors.New("cannot read objects from etcd: this node has no member")
	}
	var asked error
	if e.Live {
		var list []pair
		if list, asked = fromEtcd(ctx, e, cfg, etcdTime); asked == nil || errors.Is(asked, errLeftOut) {
			c.Source = "etcd"
			return errors.Join(asked, decode(c, list, s.Node))
		}
	}
	list, err := fromFile(ctx, e, cfg, fileTime)
	if len(list) == 0 {
		return errors.Join(asked, err)
	}
	c.Source = "etcd-file"
	return errors.Join(err, decode(c, list, s.Node))
}

func config(e *source.Env, st *snapshot.Static) (member.Config, bool) {
	if st == nil {
		if cfg, ok := member.Find(e, ""); ok {
			return cfg, true
		}
		return member.Default(e.Exists)
	}
	texts := map[string][]byte{}
	var names []string
	for _, m := range st.Manifests {
		names = append(names, m.Path)
		texts[m.Path] = []byte(m.Content)
	}
	if cfg, ok := member.FindIn(names, texts); ok {
		return cfg, true
	}
	return member.Default(e.Exists)
}
