package volume

import (
	"fmt"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/fault/manifest"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func detect(s *snapshot.Snapshot) []finding.Finding {
	var out []finding.Finding
	for _, p := range manifest.All(s) {
		if manifest.Stays(s, p.File, p.Name()) || manifest.Ill(p.File, "volumeMounts") || manifest.Ill(p.File, "volumes") {
			continue
		}
		for _, w := range wrongs(s, p) {
			out = append(out, manifest.Found(s, p.File, subject(p, w), fmt.Sprintf("%s cannot start with its files: %s in line %d of %s %s", p.Name(), w.field.Value, w.field.Line, p.File.Path, w.why),
				p.Quote(w.field.Line, w.want)))
		}
	}
	return out
}

func subject(p manifest.Part, w wrong) finding.Subject {
	return finding.Subject{Kind: "field", Name: fmt.Sprintf("%s:%d %s", p.File.Path, w.field.Line, w.field.Path)}
}

func remedy(s *snapshot.Snapshot, x finding.Finding) (op.Plan, error) {
	for _, p := range manifest.All(s) {
		for _, w := range wrongs(s, p) {
			if subject(p, w) != x.Subject {
				continue
			}
			l := p.File.LineAt(w.field.Line)
			if w.right == "" || strings.Count(l, w.field.Value) != 1 {
				return nil, fmt.Errorf("cannot tell what belongs in line %d of %s", w.field.Line, p.File.Path)
			}
			return p.Change().Lines(w.field.Line, w.field.Line, strings.Replace(l, w.field.Value, w.right, 1)).Plan("as kubeadm has it")
		}
	}
	return nil, fmt.Errorf("cannot find %s", x.Subject.Name)
}

// drill gives a volume another path or type, or a mount another place or name.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	p, ok := manifest.Find(s, fault.Pick(d, []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"}))
	if !ok {
		return nil, fmt.Errorf("cannot find a component's manifest")
	}
	name := fault.Pick(d, []string{"k8s-certs", "kubeconfig"})
	if _, has := usual[p.Name()][name]; !has {
		name = map[string]string{"k8s-certs": "kubeconfig", "kubeconfig": "k8s-certs"}[name]
	}
	own := usual[p.Name()][name]
	var mount, mountName, hostPath, hostType snapshot.Field
	for _, f := range p.File.Fields {
		at, _ := strings.CutSuffix(f.Path, ".name")
		if f.Value != name || at == f.Path {
			continue
		}
		if strings.Contains(at, "volumeMounts") {
			mountName = f
			mount, _ = p.File.Get(at + ".mountPath")
		} else {
			hostPath, _ = p.File.Get(at + ".hostPath.path")
			hostType, _ = p.File.Get(at + ".hostPath.type")
		}
	}
	if mount.Value != own || hostPath.Value != own || hostType.Value == "" {
		return nil, fmt.Errorf("cannot find the volume %s of %s", name, p.Name())
	}
	other := map[string]string{"DirectoryOrCreate": fault.Pick(d, []string{"File", "FileOrCreate", "Socket"}), "FileOrCreate": fault.Pick(d, []string{"Directory", "DirectoryOrCreate", "Socket"})}
	change := fault.Pick(d, []struct {
		f  snapshot.Field
		to string
	}{{mount, strings.Replace(own, "/etc/kubernetes", "/etc/kubernetes/"+d.Name(), 1)}, {mountName, name + "s"}, {hostType, other[hostType.Value]}, {mount, strings.Replace(own, "/etc/", "/var/", 1)}})
	return p.Change().Lines(change.f.Line, change.f.Line, strings.Replace(p.File.LineAt(change.f.Line), change.f.Value, change.to, 1)).Plan("another volume")
}
