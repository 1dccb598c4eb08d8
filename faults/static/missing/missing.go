// Package missing is the fault of a component that this node is to run and
// that has no manifest.
package missing

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/missing",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     []snapshot.Section{snapshot.SectionKubeconfigs, snapshot.SectionPKI},
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// usual is where kubeadm has the kubelet look. Another folder is the
// kubelet's own setting.
const usual = "/etc/kubernetes/manifests"

func detect(s *snapshot.Snapshot) []finding.Finding {
	if s.Static.Dir == "" || len(manifest.All(s)) == 0 && manifest.Dir(s) != usual {
		return nil
	}
	var out []finding.Finding
	for _, c := range manifest.Components {
		if _, runs := manifest.Running(s, c); runs || slices.ContainsFunc(s.Static.Manifests, func(m snapshot.Manifest) bool { return manifest.ComponentOf(m) == c || m.Path == target(s, c) }) {
			continue
		}
		sign, ok := expected(s, c)
		if !ok {
			continue
		}
		to := target(s, c)
		facts := []finding.Fact{{Source: to, Got: "is not there", Want: "the manifest of " + c}, sign}
		summary := fmt.Sprintf("%s has no manifest in %s although this node is to run it", c, s.Static.Dir)
		if b, err := beside(s, c); err == nil {
			summary = fmt.Sprintf("the manifest of %s lies in %s, where the kubelet does not look", c, b.Path)
		}
		out = append(out, finding.Finding{Subject: finding.Subject{Kind: "file", Name: to}, Summary: summary, Facts: facts,
			Commands: []string{"ls -la " + s.Static.Dir + " /etc/kubernetes /root", "crictl ps -a --name '^" + c + "$'"}})
	}
	return out
}

func target(s *snapshot.Snapshot, component string) string {
	return path.Join(s.Static.Dir, component+".yaml")
}

// signs are the files that only a node has that runs the component.
var signs = map[string]string{
	"kube-controller-manager": "/etc/kubernetes/controller-manager.conf", "kube-scheduler": "/etc/kubernetes/scheduler.conf",
	"kube-apiserver": "/etc/kubernetes/pki/apiserver.crt", "etcd": "/etc/kubernetes/pki/etcd/server.crt",
}

// expected quotes what says that this node is to run the component: its
// manifest elsewhere, or its credentials beside the manifests of others.
func expected(s *snapshot.Snapshot, component string) (finding.Fact, bool) {
	if b, err := beside(s, component); err == nil {
		return finding.Fact{Source: b.Path, Got: fmt.Sprintf("pod %s/%s, which runs %s", b.Namespace, b.Name, component), Want: "in " + s.Static.Dir, At: b.Modified}, true
	}
	sign := signs[component]
	has := s.PKI != nil && slices.ContainsFunc(s.PKI.Certificates, func(c snapshot.Certificate) bool { return c.Path == sign && c.Error == "" })
	has = has || s.Kubeconfigs != nil && slices.ContainsFunc(s.Kubeconfigs.Files, func(k snapshot.Kubeconfig) bool { return k.Path == sign })
	if api, ok := manifest.Find(s, "kube-apiserver"); component == "etcd" && (!ok || !strings.Contains(api.Value("etcd-servers"), "127.0.0.1")) {
		return finding.Fact{}, false // etcd is elsewhere
	}
	fact := finding.Fact{Source: sign, Got: "this node's credentials of " + component}
	return fact, has && len(manifest.All(s)) > 0
}

// beside is the manifest of the component that lies where the kubelet does not
// look: the newest, of those with the image of its peers.
func beside(s *snapshot.Snapshot, component string) (snapshot.Manifest, error) {
	var best snapshot.Manifest
	for _, m := range s.Static.Beside {
		if manifest.ComponentOf(m) != component || path.Dir(m.Path) == usual && manifest.Dir(s) != usual || !fitting(s, m, component) {
			continue
		}
		if best.Path == "" || m.Modified.After(best.Modified) {
			best = m
		}
	}
	if best.Path == "" {
		return best, fmt.Errorf("cannot find a manifest of %s", component)
	}
	return best, nil
}

// fitting reports whether the manifest is of the release of its peers.
func fitting(s *snapshot.Snapshot, m snapshot.Manifest, component string) bool {
	peers := manifest.Peers(s, component)
	if component == "etcd" || len(peers) == 0 {
		return true
	}
	return slices.ContainsFunc(peers, func(p manifest.Part) bool {
		return p.Name() != "etcd" && slices.ContainsFunc(m.Containers, func(c snapshot.ManifestContainer) bool {
			return c.Command == component && manifest.Tag(c.Image) == manifest.Tag(p.Container.Image)
		})
	})
}

// remedy moves the manifest back to where the kubelet looks.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	c := strings.TrimSuffix(path.Base(f.Subject.Name), ".yaml")
	b, err := beside(s, c)
	if err != nil {
		return nil, fmt.Errorf("%w; kubeadm init phase control-plane %s writes one", err, strings.TrimPrefix(c, "kube-"))
	}
	if b.UID != 0 || b.Mode&0o022 != 0 {
		return nil, fmt.Errorf("cannot move %s: others than root can write it, and the kubelet would run whatever it says; look at it first", b.Path)
	}
	if !b.Whole() {
		return nil, fmt.Errorf("cannot move %s: it was not read whole", b.Path)
	}
	return op.Plan{op.WriteFile{Path: f.Subject.Name, Data: []byte(b.Content), Mode: 0o600, Why: "the kubelet runs what lies here"},
		fault.Remove(b.Text, "it is in its place again")}, nil
}

// drill moves a manifest out of the folder, or hides it there.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}))
	if !ok || !p.File.Whole() {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	base := path.Base(p.File.Path)
	to := fault.Pick(d, []string{path.Join(s.Static.Dir, "."+base), "/root/" + base, "/etc/kubernetes/" + base, "/var/tmp/" + base, "/etc/kubernetes/manifests-" + d.Name() + "/" + base, "/tmp/" + base + ".disabled"})
	return op.Plan{op.WriteFile{Path: to, Data: []byte(p.File.Content), Mode: 0o600, Why: "out of the way"}, fault.Remove(p.File.Text, "moved")}, nil
}
