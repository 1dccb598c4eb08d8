package faulttest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

// controlEffects are the consequences of faults of the control plane.
var controlEffects = []func(*Machine, *snapshot.Snapshot){controlPlane, elsewhereAPI, componentsAstray, portTaken}

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
var refusals = []func(*Machine, *snapshot.Snapshot, manifest.Part) *end{badName, badVolume, noImage, badCommand, badFlag, unseen, elsewhereNet, lowLimit, badValue, badProbe}

// controlPlane takes away what cannot run, and what needs it.
func controlPlane(m *Machine, s *snapshot.Snapshot) {
	if m.World.Units["kubelet.service"] != "active" || m.kubelet.dead != "" || s.Static == nil || s.Cluster == nil {
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
	for _, x := range manifest.Strays(s) {
		if manifest.ComponentOf(x.File) == name && x.Wins {
			p = manifest.Part{File: x.File, Container: x.File.Containers[0]}
		}
	}
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

// dnsLabel is what the kubelet's validation takes for a name.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

func badName(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	tier, _ := p.File.Get("metadata.labels.tier")
	for _, name := range []string{p.File.Name, p.File.Namespace, tier.Value} {
		if !dnsLabel.MatchString(name) {
			return &end{Pod: true}
		}
	}
	return nil
}

// noImage: what the runtime does not have it cannot pull here, and an image of
// another component does not hold the program.
func noImage(_ *Machine, s *snapshot.Snapshot, p manifest.Part) *end {
	image := p.Container.Image
	if s.Runtime == nil || !s.Runtime.Reachable || strings.Contains(image, "/"+p.Name()+":") && slices.ContainsFunc(s.Runtime.Images, func(i snapshot.Image) bool { return slices.Contains(i.Names, image) }) {
		return nil
	}
	if strings.Contains(image, "/"+p.Name()+":") {
		observe(s, "kubelet-image-pull-failed", "journal:kubelet.service", `"Error syncing pod, skipping" err="failed to \"StartContainer\" for \"`+p.Name()+`\" with ErrImagePull: \"failed to pull image \\\"`+image+`\\\""`, nil)
	}
	return &end{Pod: true}
}

func badFlag(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	for _, f := range p.Container.Flags {
		if f.Problem != "" {
			return &end{ID: "flag-unknown", Log: "Error: unknown flag: --" + f.Name}
		}
	}
	return nil
}

// badVolume: a hostPath of another type holds the pod, a mount of no volume is
// refused.
func badVolume(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	wants := map[string]string{"Directory": "directory", "File": "file", "DirectoryOrCreate": "directory", "FileOrCreate": "file", "Socket": "other"}
	for _, v := range p.File.Volumes {
		made := v.Is == "missing" && strings.HasSuffix(v.Type, "OrCreate")
		if v.Type != "" && wants[v.Type] != v.Is && !made {
			return &end{Pod: true}
		}
	}
	for _, f := range p.File.Below("spec.containers") {
		mounts := strings.Contains(f.Path, ".volumeMounts[") && strings.HasSuffix(f.Path, ".name")
		if mounts && !slices.ContainsFunc(p.File.Below("spec.volumes"), func(v snapshot.Field) bool { return strings.HasSuffix(v.Path, "].name") && v.Value == f.Value }) {
			return &end{Pod: true}
		}
	}
	return nil
}

func badCommand(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	if p.Container.Program != p.Name() && p.Container.Program != "/usr/local/bin/"+p.Name() {
		return &end{Pod: true}
	}
	return nil
}

// unseen: a file that is read at the start is not there.
func unseen(_ *Machine, s *snapshot.Snapshot, p manifest.Part) *end {
	for _, n := range p.Inputs(s) {
		if n.Is != "file" {
			return &end{ID: "file-missing", Log: `"command failed" err="open ` + n.Path + `: no such file or directory"`}
		}
	}
	return nil
}

// elsewhereNet: what serves at the node's addresses cannot do so in a pod's
// network.
func elsewhereNet(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	if !p.File.HostNet && (p.Name() == "etcd" || p.Name() == "kube-apiserver") {
		return &end{ID: "bind-failed", Log: "bind: cannot assign requested address"}
	}
	return nil
}

// lowLimit: what may use less memory than it takes to start is killed, and
// what runs as nobody cannot read keys.
func lowLimit(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	for _, f := range p.File.Below("spec") {
		switch {
		case strings.HasSuffix(f.Path, ".limits.memory") && strings.HasSuffix(f.Value, "Mi") && len(f.Value) <= 4:
			return &end{ID: "oom-killed", Log: "OOMKilled"}
		case strings.HasSuffix(f.Path, ".runAsUser") && f.Value != "0", strings.HasSuffix(f.Path, ".runAsNonRoot") && f.Value == "true":
			return &end{ID: "permission-denied", Log: "permission denied"}
		}
	}
	return nil
}

// badProbe: what does not answer its startup probe is killed.
func badProbe(_ *Machine, _ *snapshot.Snapshot, p manifest.Part) *end {
	port, scheme, _ := p.Served()
	for _, x := range p.Container.Probes {
		if x.Kind == "startup" && (strconv.Itoa(x.Number) != port || x.Scheme != scheme || !slices.Contains([]string{"/livez", "/healthz", "/readyz"}, x.Path)) {
			return &end{}
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
