package faulttest

import (
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

// controlEffects are the consequences of faults of the control plane.
var controlEffects = []func(*Machine, *snapshot.Snapshot){controlPlane}

// An end is how a component of the control plane does not run.
type end struct {
	// Pod says that the kubelet runs no pod for it; else its container ends
	// again and again.
	Pod bool
	// Log is the observation and the line with which it ends.
	ID, Log string
}

// refusals say of a component why it does not run, by its manifest; nil where
// it does.
var refusals = []func(*Machine, *snapshot.Snapshot, manifest.Part) *end{badFlag}

// controlPlane takes away what cannot run, and what needs it.
func controlPlane(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units["kubelet.service"] != "active" || s.Static == nil || s.Cluster == nil {
		return // what runs goes on
	}
	for _, name := range manifest.Components {
		e := m.ends(s, name)
		if e == nil {
			continue
		}
		componentDown(s, name, *e)
		switch name {
		case "etcd":
			etcdDown(s, "dial tcp 127.0.0.1:2379: connect: connection refused")
		case "kube-apiserver":
			apiDown(s, "dial tcp 172.20.0.2:6443: connect: connection refused")
		}
	}
}

// ends says how the component does not run, or nil.
func (m *Machine) ends(s *snapshot.Snapshot, name string) *end {
	p, ok := manifest.Find(s, name)
	if !ok || p.File.Error != "" || refused(p.File) {
		return &end{Pod: true}
	}
	for _, r := range refusals {
		if e := r(m, s, p); e != nil {
			return e
		}
	}
	return nil
}

// refused reports whether the kubelet takes the manifest for none.
func refused(m snapshot.Manifest) bool {
	return slices.ContainsFunc(m.Problems, func(p snapshot.FieldProblem) bool { return p.Kind == "wrong-type" || p.Kind == "bad-value" })
}

func badFlag(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	for _, f := range p.Container.Flags {
		if f.Problem != "" {
			return &end{ID: "flag-unknown", Log: "Error: unknown flag: --" + f.Name}
		}
	}
	return nil
}

// componentDown shows a component that does not run: its process is gone, its
// container ended, its lease was given back.
func componentDown(s *snapshot.Snapshot, name string, e end) {
	if s.Processes != nil {
		s.Processes.List = slices.DeleteFunc(s.Processes.List, func(p snapshot.Process) bool { return len(p.Args) > 0 && p.Args[0] == name })
	}
	if s.Runtime != nil && s.Runtime.Reachable {
		mine := func(c snapshot.Container) bool { return c.Namespace == "kube-system" && c.Name == name }
		s.Runtime.Containers = slices.DeleteFunc(s.Runtime.Containers, mine)
		if !e.Pod {
			s.Runtime.Containers = append(s.Runtime.Containers, snapshot.Container{ID: "ended-" + name, Namespace: "kube-system", Pod: name + "-" + s.Node,
				Name: name, State: "exited", Reason: "Error", ExitCode: 1, Attempt: 4, Created: s.At.Add(-21 * time.Second), Started: s.At.Add(-20 * time.Second),
				Finished: s.At.Add(-19 * time.Second)})
		}
	}
	if e.ID != "" {
		observe(s, e.ID, "/var/log/pods/kube-system_"+name+"-"+s.Node+"_0a/"+name+"/4.log", e.Log, nil)
	}
	if !e.Pod {
		observe(s, "kubelet-crash-loop", "journal:kubelet.service", `"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"`+name+`\" with CrashLoopBackOff"`,
			map[string]string{"pod": "kube-system/" + name + "-" + s.Node})
	}
	idle(s, name, "")
}

// idle shows the lease of a component that nobody renews.
func idle(s *snapshot.Snapshot, name, holder string) {
	if s.Cluster == nil {
		return
	}
	for i := range s.Cluster.Leases {
		if l := &s.Cluster.Leases[i]; l.Namespace == "kube-system" && l.Name == name {
			l.Renewed, l.Holder = s.At.Add(-2*time.Minute), holder
		}
	}
}

// apiDown shows an API server that does not answer: the cluster is read from
// etcd, where that answers, and no lease is renewed.
func apiDown(s *snapshot.Snapshot, err string) {
	if s.Cluster == nil {
		return
	}
	c := s.Cluster
	url := c.API.URL
	c.API = snapshot.APIServer{URL: url, Error: url + " does not answer: " + err}
	if c.Source == "api" {
		c.Source = "etcd"
	}
	for i := range c.Leases {
		if l := &c.Leases[i]; s.At.Sub(l.Renewed) < time.Minute {
			l.Renewed = s.At.Add(-80 * time.Second)
		}
	}
	observe(s, "dial-refused", "journal:kubelet.service", `"Failed to ensure lease exists, will retry" err="Get `+url+": "+err+`"`, map[string]string{"addr": strings.TrimPrefix(url, "https://")})
	if s.Probes != nil {
		for i := range s.Probes.List {
			if p := &s.Probes.List[i]; p.Target == "default/kubernetes" {
				p.Refused, p.Status, p.Error = p.Tries, 0, err
			}
		}
	}
}

// etcdDown shows a member that does not answer, and the API server that ends
// for it.
func etcdDown(s *snapshot.Snapshot, err string) {
	if s.Etcd != nil {
		e := s.Etcd
		e.Reachable, e.Error, e.Latency, e.Offline = false, err, nil, true
		e.Running = s.Processes != nil && len(s.Processes.ByName("etcd")) > 0
	}
	apiDown(s, "dial tcp 172.20.0.2:6443: connect: connection refused")
	if s.Cluster != nil {
		s.Cluster.Source = "etcd-file"
	}
	componentDown(s, "kube-apiserver", end{ID: "apiserver-etcd-dial-failed", Log: "grpc: addrConn.createTransport failed to connect to {Addr: \"127.0.0.1:2379\"}"})
}
