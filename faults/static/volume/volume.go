// Package volume is the fault of a volume or mount by which a component does
// not see its files.
package volume

import (
	"fmt"
	"slices"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/snapshot"
)

// Fault is declared once and never changed.
var Fault = &fault.Fault{
	ID:       "static/volume",
	Layer:    fault.Kubelet,
	Needs:    manifest.Needs,
	Uses:     manifest.Uses,
	Detect:   detect,
	Explains: manifest.Explains,
	Remedy:   remedy,
	Drill:    drill,
}

// A wrong is a field of a volume or mount with what belongs there.
type wrong struct {
	field snapshot.Field
	why   string
	want  string
	right string // value; "" where nobody knows it
}

// types are what a hostPath's type asks for.
var types = map[string]string{"Directory": "directory", "DirectoryOrCreate": "directory", "File": "file", "FileOrCreate": "file", "Socket": "other", "CharDevice": "other", "BlockDevice": "other", "": ""}

// usual are the folders and files that kubeadm gives a volume of that name.
// etcd's data is not among them: whoever made the cluster chose where it lies,
// and another folder, or an empty one, is another cluster.
var usual = map[string]map[string]string{
	"kube-apiserver":          {"k8s-certs": "/etc/kubernetes/pki"},
	"kube-controller-manager": {"k8s-certs": "/etc/kubernetes/pki", "kubeconfig": "/etc/kubernetes/controller-manager.conf"},
	"kube-scheduler":          {"kubeconfig": "/etc/kubernetes/scheduler.conf"},
	"etcd":                    {"etcd-certs": "/etc/kubernetes/pki/etcd"},
}

// kind is the type that kubeadm gives a volume of that path.
func kind(path string) string {
	if strings.HasSuffix(path, ".conf") {
		return "FileOrCreate"
	}
	return "DirectoryOrCreate"
}

// wrongs are what is wrong with the volumes and mounts of a component.
func wrongs(s *snapshot.Snapshot, p manifest.Part) []wrong {
	var out []wrong
	kubeadm := map[string]string{}
	if manifest.IsKubeadm(s) {
		kubeadm = usual[p.Name()]
	}
	for _, v := range p.File.Volumes {
		own := kubeadm[v.Name]
		path := field(p, v.Line, v.Path)
		need, ok := types[v.Type]
		switch {
		case !ok:
			out = append(out, wrong{typeField(p, v), "is no type of a hostPath", kind(v.Path), kind(v.Path)})
		case need != "" && v.Is != "" && v.Is != need && !(v.Is == "missing" && strings.HasSuffix(v.Type, "OrCreate")):
			w := wrong{typeField(p, v), fmt.Sprintf("wants a %s at %s, where there is %s", v.Type, v.Path, article(v.Is)), "what is there", ""}
			if own == v.Path && own != "" {
				w.right, w.want = kind(own), kind(own)
			} else if own != "" {
				w.field, w.right, w.want = path, own, own
			}
			out = append(out, w)
		case own != "" && v.Path != own && hides(s, p, own):
			out = append(out, wrong{path, "is not where the files of " + p.Name() + " lie", own, own})
		}
	}
	return append(out, mounts(s, p, kubeadm)...)
}

// hides reports whether a file that the component reads there is not seen.
func hides(s *snapshot.Snapshot, p manifest.Part, there string) bool {
	return slices.ContainsFunc(p.Inputs(s), func(n snapshot.NamedFile) bool {
		return n.Is != "file" && (n.Path == there || strings.HasPrefix(n.Path, there+"/"))
	})
}

func article(is string) string {
	if is == "missing" {
		return "nothing"
	}
	return "a " + is
}

// field is the field of that line and value.
func field(p manifest.Part, line int, value string) snapshot.Field {
	for _, f := range p.File.Below("spec.volumes") {
		if f.Line == line && f.Value == value {
			return f
		}
	}
	return snapshot.Field{Line: line, Value: value}
}

// typeField is the type of a hostPath, which stands beside its path.
func typeField(p manifest.Part, v snapshot.ManifestVolume) snapshot.Field {
	at, ok := strings.CutSuffix(field(p, v.Line, v.Path).Path, ".path")
	if f, has := p.File.Get(at + ".type"); ok && has {
		return f
	}
	return snapshot.Field{Line: v.Line, Value: v.Path}
}

// mounts are the mounts whose volume is none, and those by which a file that
// a flag names is not seen.
func mounts(s *snapshot.Snapshot, p manifest.Part, kubeadm map[string]string) []wrong {
	var out []wrong
	for _, f := range p.File.Below("spec.containers") {
		at, ok := strings.CutSuffix(f.Path, ".name")
		if !ok || !strings.Contains(f.Path, ".volumeMounts[") || declared(p, f.Value) {
			continue
		}
		w := wrong{f, "is the name of no volume of the pod", "a name of spec.volumes", ""}
		to, _ := p.File.Get(at + ".mountPath")
		for name, path := range kubeadm {
			if path == to.Value && declared(p, name) {
				w.right, w.want = name, name
			}
		}
		out = append(out, w)
	}
	for _, n := range p.Inputs(s) {
		if n.Host != "" || len(out) > 0 {
			continue
		}
		for _, f := range p.File.Below("spec.containers") {
			at, ok := strings.CutSuffix(f.Path, ".mountPath")
			name, _ := p.File.Get(at + ".name")
			if own := kubeadm[name.Value]; ok && own != "" && own != f.Value && strings.HasPrefix(n.Path, own) {
				out = append(out, wrong{f, fmt.Sprintf("does not show %s, which --%s names", n.Path, n.Flag), own, own})
			}
		}
		if len(out) == 0 {
			out = append(out, wrong{snapshot.Field{Path: "volumeMounts", Line: n.Line, Value: n.Path}, "is shown to the container by no volume", "a path below one of its mounts", ""})
		}
	}
	return out
}

// declared reports whether the pod has a volume of that name, of any kind.
func declared(p manifest.Part, name string) bool {
	return slices.ContainsFunc(p.File.Below("spec.volumes"), func(f snapshot.Field) bool {
		return strings.HasSuffix(f.Path, "].name") && f.Value == name && strings.Count(f.Path, ".") == 2
	})
}
