// Package etcdservers is the fault of an API server that looks for etcd where etcd
// does not listen.
package etcdservers

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "apiserver/etcdservers",
	Layer:  fault.APIServer,
	Needs:  manifest.Needs,
	Uses:   manifest.Uses,
	Detect: manifest.DetectFlags(check),
	// What etcd shows to a caller at another address is not for that address.
	Explains: append([]symptom.Edge{{Symptom: symptom.CertRefused, Strength: symptom.Sometimes}}, manifest.Explains...),
	Remedy:   manifest.RemedyFlags(check),
	Drill:    drill,
}

// check compares the servers that the API server is given with where this
// node's own member listens. Where etcd is elsewhere nothing is said.
func check(s *snapshot.Snapshot) []manifest.Wrong {
	api, ok := manifest.Find(s, "kube-apiserver")
	member, local := manifest.Find(s, "etcd")
	listen := member.Value("listen-client-urls")
	if !ok || !local || listen == "" {
		return nil
	}
	w := manifest.Wrong{Part: api, Flag: "etcd-servers", Want: listen}
	if f, ok := member.Flag("listen-client-urls"); ok {
		w.Facts = append(w.Facts, member.Quote(f.Line, ""))
	}
	known := strings.Split(listen+","+member.Value("advertise-client-urls")+","+member.Value("initial-cluster"), ",")
	servers := strings.Split(api.Value("etcd-servers"), ",")
	if api.Value("etcd-servers") == "" {
		w.Why = "it has nowhere to keep objects"
	} else if i := slices.IndexFunc(servers, func(x string) bool { return serves(known, x) }); i >= 0 {
		return nil
	} else if elsewhere(member, servers) {
		return nil
	} else {
		w.Why = "etcd of this node does not listen there"
	}
	w.Set = right(listen)
	return []manifest.Wrong{w}
}

// elsewhere reports whether the servers are other members of the cluster,
// which this one knows by their host.
func elsewhere(member manifest.Part, servers []string) bool {
	peers := member.Value("initial-cluster")
	return slices.ContainsFunc(servers, func(x string) bool {
		u, err := url.Parse(x)
		return err == nil && u.Hostname() != "" && strings.Count(peers, ",") > 0 && strings.Contains(peers, "//"+u.Hostname()+":")
	})
}

// serves reports whether one of the URLs that are listened at takes a call to
// x.
func serves(listen []string, x string) bool {
	u, err := url.Parse(x)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(listen, func(l string) bool {
		v, err := url.Parse(l)
		if err != nil || v.Scheme != u.Scheme || v.Port() != u.Port() {
			return false
		}
		a, b := host(u), host(v)
		return a == b || b == "0.0.0.0" || b == "::"
	})
}

func host(u *url.URL) string {
	if u.Hostname() == "localhost" {
		return "127.0.0.1"
	}
	return u.Hostname()
}

// right is the local one of the URLs that etcd listens at.
func right(listen string) string {
	list := strings.Split(listen, ",")
	for _, l := range list {
		if strings.Contains(l, "//127.0.0.1:") {
			return l
		}
	}
	return list[0]
}

// drill gives the API server another port, scheme or host of etcd.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, "kube-apiserver")
	f, given := p.Flag("etcd-servers")
	if !ok || !given || f.Value != "https://127.0.0.1:2379" {
		return nil, fmt.Errorf("cannot find an API server whose etcd is at 127.0.0.1")
	}
	to := fault.Pick(d, []string{"http://127.0.0.1:2379", "https://127.0.0.1:2380", fmt.Sprintf("https://127.0.0.1:%d", d.Int(2382, 2399)), "https://127.0.0.1:4001", fmt.Sprintf("https://127.0.0.%d:2379", d.Int(2, 20)), "https://127.0.0.1:2397"})
	return p.Change().Set(p, "etcd-servers", to).Plan("another etcd")
}
