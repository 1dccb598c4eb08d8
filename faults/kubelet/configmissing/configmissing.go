// Package configmissing is the fault of a kubelet that is started with the
// name of a file which is not there.
package configmissing

import (
	"fmt"
	"slices"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/kubelet"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
	"github.com/klustered/klustered/symptom"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:     "kubelet/configmissing",
	Layer:  fault.Kubelet,
	Needs:  []snapshot.Section{snapshot.SectionKubelet},
	Uses:   []snapshot.Section{snapshot.SectionLogs},
	Detect: detect,
	Explains: []symptom.Edge{
		{Symptom: symptom.KubeletCrashing, Strength: symptom.Always},
		{Symptom: symptom.KubeletDown, Strength: symptom.Usually},
		{Symptom: symptom.NodeNotReady, Strength: symptom.Usually},
		{Symptom: symptom.PodsNotStarting, Strength: symptom.Sometimes},
	},
	// The authority of clients is one of those files; what a mount lies over is
	// there, beneath it.
	Follows: []symptom.ID{symptom.CertRefused, symptom.FolderHidden},
	Remedy:  remedy,
	Drill:   drill,
}

// needed are the settings that name a file or folder without which the
// kubelet ends: it opens them at its start.
var needed = []string{"--config", "--config-dir", "--image-credential-provider-config", "--image-credential-provider-bin-dir",
	"authentication.x509.clientCAFile", "tlsCertFile", "tlsPrivateKeyFile"}

func detect(s *snapshot.Snapshot) []finding.Finding {
	k := s.Kubelet
	var out []finding.Finding
	for _, key := range needed {
		path := k.Absent[key]
		e := k.Effective[key]
		if path == "" || e.Source == "default" || key == "--config" && k.Absent["--kubeconfig"] != "" || // it never joined
			kubelet.Up(k) && k.Running && !ofNext(k, key) {
			continue
		}
		if key == "tlsCertFile" || key == "tlsPrivateKeyFile" {
			if k.Absent["tlsCertFile"] != "" && k.Absent["tlsPrivateKeyFile"] != "" {
				continue // it makes a pair of its own there
			}
		}
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: path},
			Summary:  fmt.Sprintf("the kubelet is started with %s (%s), which is not there", kubelet.Says(key, e.Origin), kubelet.Where(e.Origin)),
			Facts:    append(append(kubelet.Facts(k, key, "a path that is there"), finding.Fact{Source: path, Got: "no such file or directory"}), kubelet.Exits(s)...),
			Commands: kubelet.Commands("ls -ld " + path),
		})
	}
	if k.Start == nil || kubelet.Up(k) {
		return out
	}
	for _, path := range k.Start.Required {
		out = append(out, finding.Finding{
			Subject:  finding.Subject{Kind: "file", Name: path},
			Summary:  "the kubelet's unit cannot be started without the environment file " + path + ", which is not there",
			Facts:    []finding.Fact{{Source: path, Got: "no such file or directory", Want: "the file, or EnvironmentFile=- before its name in the unit"}},
			Commands: kubelet.Commands("ls -ld " + path),
		})
	}
	return out
}

// ofNext reports whether the next start alone has the setting so.
func ofNext(k *snapshot.Kubelet, key string) bool {
	return k.Start != nil && slices.ContainsFunc(k.Start.Differs, func(c snapshot.StartChange) bool { return c.Key == key })
}

// remedy lets a weaker place of the setting hold that names a file which is
// there, or writes the configuration again.
func remedy(s *snapshot.Snapshot, f finding.Finding) (op.Plan, error) {
	k := s.Kubelet
	for _, key := range needed {
		if k.Absent[key] != f.Subject.Name {
			continue
		}
		for _, o := range k.Effective[key].Overrides {
			if there(s, o.Value) {
				return kubelet.Want(k, map[string]string{key: o.Value}, "it names what is not there")
			}
		}
		switch {
		case key == "--config" && k.Effective[key].Value == usual:
			return kubelet.Restore(s, usual, "as kubeadm keeps it in the cluster")
		case key == "authentication.x509.clientCAFile" && there(s, usualCA):
			return kubelet.Want(k, map[string]string{key: usualCA}, "the cluster's authority")
		case key == "--config-dir" && len(k.DropIns) == 0:
			e := k.Effective[key]
			return kubelet.Drop(k, []snapshot.Origin{e.Origin}, "there are no drop-ins")
		}
	}
	return nil, fmt.Errorf("cannot say what %s is to be: write it again, or take its name away", f.Subject.Name)
}

// Where kubeadm puts the configuration and the authority.
const (
	usual   = "/var/lib/kubelet/config.yaml"
	usualCA = "/etc/kubernetes/pki/ca.crt"
)

// there reports whether the evidence has read that file.
func there(s *snapshot.Snapshot, path string) bool {
	if s.PKI != nil && slices.ContainsFunc(s.PKI.Files, func(f snapshot.PEMFile) bool { return f.Path == path && f.Error == "" }) {
		return true
	}
	return slices.Contains(s.Kubelet.Others, path)
}

// drill takes the configuration away, or names another file in its place.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	k := s.Kubelet
	t, ok := kubelet.File(k, k.ConfigPath)
	if !ok {
		return nil, fmt.Errorf("cannot take the kubelet's configuration away: it was not read")
	}
	if d.Int(0, 1) == 0 {
		return append(op.Plan{fault.Remove(t, "the configuration is gone")}, kubelet.Restart()...), nil
	}
	return kubelet.Argue(k, d, "--config="+fault.Pick(d, []string{"/etc/kubernetes/kubelet-config.yaml", "/etc/kubernetes/kubelet.yaml", "/var/lib/kubelet/kubelet-config.yaml"}))
}
