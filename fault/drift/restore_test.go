package drift

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func text(path, content string) *snapshot.Text {
	sum := sha256.Sum256([]byte(content))
	return &snapshot.Text{Path: path, Content: content, SHA256: hex.EncodeToString(sum[:]), Mode: 0o600}
}

// TestRestore holds what is put back, how, and what is left to a person.
func TestRestore(t *testing.T) {
	const etcd = "  - command:\n    - etcd\n    image: registry.k8s.io/etcd:3.6.1\n"
	const manifest = "/etc/kubernetes/manifests/etcd.yaml"
	vendor := "/usr/lib/systemd/system/containerd.service"
	s := &snapshot.Snapshot{Etcd: &snapshot.Etcd{DBFileSize: 1}, Kubelet: &snapshot.Kubelet{ConfigPath: "/var/lib/kubelet/config.yaml"},
		Runtime: &snapshot.Runtime{Socket: "/run/x.sock"},
		Static: &snapshot.Static{Manifests: []snapshot.Manifest{{Text: snapshot.Text{Path: "/m"}, Containers: []snapshot.ManifestContainer{{Name: "kube-apiserver"}}}},
			Named: []snapshot.NamedFile{{Manifest: "/m", Host: "/etc/kubernetes/audit.yaml"}}},
		Systemd: &snapshot.Systemd{Units: []snapshot.Unit{{Name: "kubelet.service", Active: "failed"},
			{Name: "containerd.service", Active: "active", Files: []snapshot.UnitFile{{Path: vendor, Package: "containerd"}}, Sourced: []snapshot.Text{{Path: "/etc/default/containerd"}}}}}}
	bare := &snapshot.Snapshot{Etcd: &snapshot.Etcd{}}
	cut := text("/x", "secret: (kept out)\n")
	cut.SHA256 = strings.Repeat("0", 64)
	mode := text("/x", "a")
	mode.Mode = 0o644
	changed := func(was, is *snapshot.Text) snapshot.Drift {
		return snapshot.Drift{Kind: "file", Name: was.Path, State: snapshot.DriftChanged, Was: was, Is: is}
	}
	gone := func(was *snapshot.Text) snapshot.Drift {
		return snapshot.Drift{Kind: "file", Name: was.Path, State: snapshot.DriftGone, Was: was}
	}
	added := func(is *snapshot.Text) snapshot.Drift {
		return snapshot.Drift{Kind: "file", Name: is.Path, State: snapshot.DriftAdded, Is: is}
	}
	for what, tc := range map[string]struct {
		s    *snapshot.Snapshot
		d    snapshot.Drift
		want string
	}{
		"changed":              {s, changed(text("/x", "a"), text("/x", "b")), "replace /x"},
		"the mode alone":       {s, changed(text("/x", "a"), mode), "set the mode of /x to 0600"},
		"the kubelet's, down":  {s, changed(text("/var/lib/kubelet/config.yaml", "a"), text("/var/lib/kubelet/config.yaml", "b")), "restart kubelet.service"},
		"a runtime's settings": {s, gone(text("/etc/default/containerd", "a")), "restart containerd.service"},
		"a file of a flag":     {s, gone(text("/etc/kubernetes/audit.yaml", "a")), "kube-apiserver"},
		"without its secrets":  {s, changed(cut, text("/x", "b")), "secrets kept out"},
		"added":                {s, added(text("/x", "b")), "remove /x"},
		"a package's":          {s, added(text(vendor, "b")), "install the package anew"},
		"an upgrade":           {s, changed(text(manifest, etcd), text(manifest, strings.Replace(etcd, "3.6.1", "3.6.2", 1))), "an upgrade is not taken back"},
		"another image":        {s, changed(text(manifest, etcd), text(manifest, strings.Replace(etcd, "registry.k8s.io", "evil.example", 1))), "replace " + manifest},
		"etcd's, gone":         {s, gone(text(manifest, etcd)), "create " + manifest},
		"etcd's, without data": {bare, gone(text(manifest, etcd)), "no data of etcd"},
		"a certificate":        {s, snapshot.Drift{Kind: "certificate", Name: "/c"}, "fingerprint alone"},
	} {
		plan, err := Restore(tc.s, tc.d)
		var got []string
		for _, o := range plan {
			got = append(got, o.String())
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if all := strings.Join(got, "; "); !strings.Contains(all, tc.want) {
			t.Errorf("%s: %q is not in %q", what, tc.want, all)
		}
	}
}
