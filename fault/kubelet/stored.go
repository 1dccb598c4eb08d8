package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// Stored is the configuration that kubeadm keeps in the cluster for its
// kubelets, with the runtime's socket of this node where it names none.
func Stored(s *snapshot.Snapshot) (string, error) {
	if s.Cluster == nil {
		return "", errors.New("the cluster's objects are not known")
	}
	for _, c := range s.Cluster.ConfigMaps {
		text := c.Data["kubelet"]
		if c.Namespace != "kube-system" || c.Name != "kubelet-config" || !strings.Contains(text, "kind: KubeletConfiguration") {
			continue
		}
		if !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		if !strings.Contains(text, "containerRuntimeEndpoint:") || strings.Contains(text, `containerRuntimeEndpoint: ""`) {
			if s.Runtime == nil || s.Runtime.Socket == "" {
				return "", errors.New("it names no runtime, and none was found")
			}
			text = strings.Replace(text, `containerRuntimeEndpoint: ""`+"\n", "", 1)
			text += "containerRuntimeEndpoint: unix://" + s.Runtime.Socket + "\n"
		}
		return text, nil
	}
	return "", errors.New("the cluster has no ConfigMap kube-system/kubelet-config")
}

// Restore plans that the configuration file at name is the one that kubeadm
// keeps in the cluster.
func Restore(s *snapshot.Snapshot, name, why string) (op.Plan, error) {
	text, err := Stored(s)
	if err != nil {
		return nil, fmt.Errorf("cannot write %s again: %w; `kubeadm upgrade node phase kubelet-config` writes it where the API answers", name, err)
	}
	w := op.WriteFile{Path: name, Data: []byte(text), Mode: 0o644, Why: why}
	if t, ok := File(s.Kubelet, name); ok {
		if t.SHA256 == "" || t.Link != "" {
			return nil, fmt.Errorf("cannot write %s again: it is no plain file", name)
		}
		w.Pin, w.Mode, w.UID, w.GID = t.SHA256, fs.FileMode(t.Mode), int(t.UID), int(t.GID)
	}
	return append(op.Plan{w}, Restart()...), nil
}

// Changed reports whether a file is not the one that the running kubelet read.
func Changed(k *snapshot.Kubelet, name string) bool { return slices.Contains(k.Stale, name) }
