package drill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/op"
)

// watched are the kinds of object that nobody may change, delete or scale to
// make a symptom go.
const watched = "namespaces,deployments,daemonsets,services,configmaps,secrets,serviceaccounts," +
	"clusterroles,clusterrolebindings,roles,rolebindings,validatingwebhookconfigurations,mutatingwebhookconfigurations"

// folders are the files of a node that nobody may change.
const folders = "/etc/kubernetes /etc/cni /opt/cni/bin /etc/containerd /etc/systemd/system /etc/cron.d /etc/crontab /var/spool/cron/crontabs /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env /root/.kube"

// fingerprints maps each watched object and file to a hash of what it says.
func (r *Room) fingerprints(ctx context.Context) (map[string]string, error) {
	all := map[string]string{}
	if err := objects(ctx, r.Nodes, all); err != nil {
		return nil, err
	}
	for _, n := range r.Nodes {
		const script = `for d in "$@"; do [ -e "$d" ] && find "$d" -xdev \( -type f -o -type l \) ! -path '*/cache/*' -print0; done | xargs -0r sha256sum --`
		out, err := n.Exec(ctx, append([]string{"bash", "-c", script, "bash"}, strings.Fields(folders)...)...)
		if err != nil {
			return nil, fmt.Errorf("cannot note the files of %s: %w", n.Name, err)
		}
		for line := range strings.Lines(string(out)) {
			if sum, name, ok := strings.Cut(strings.TrimRight(line, "\n"), "  "); ok {
				all[fileKey(n.Name, name)] = sum
			}
		}
	}
	return all, nil
}

func fileKey(node, name string) string { return "file " + name + " on " + node }

func objects(ctx context.Context, c oracle.Cluster, all map[string]string) error {
	out, err := c.Kubectl(ctx, "get", watched, "-A", "-o", "json")
	if err != nil {
		return fmt.Errorf("cannot note the cluster's objects: %w", err)
	}
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(out, &list); err != nil {
		return fmt.Errorf("cannot read the cluster's objects: %w", err)
	}
	for _, o := range list.Items {
		key, sum, err := object(o)
		if err != nil {
			return err
		}
		all[key] = sum
	}
	return nil
}

// object returns the key of an object and the hash of what a person wrote in
// it: all but its status and the metadata that the API server sets.
func object(o map[string]any) (key, sum string, err error) {
	meta, _ := o["metadata"].(map[string]any)
	key = objectKey(fmt.Sprint(o["kind"]), text(meta["namespace"]), text(meta["name"]))
	o["metadata"] = map[string]any{"labels": meta["labels"]}
	delete(o, "status")
	data, err := json.Marshal(o)
	h := sha256.Sum256(data)
	return key, hex.EncodeToString(h[:]), err
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func objectKey(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return kind + " " + namespace + "/" + name
}

// touched are the keys that the drill itself changed: repairing them is no harm.
func touched(s *Session) []string {
	var keys []string
	for _, o := range s.Plan {
		switch o := o.(type) {
		case op.WriteFile:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.RemoveFile:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.CopyFile:
			keys = append(keys, fileKey(s.Node, o.To))
		case op.Chmod:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.EditLine:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.IssueKubeconfig:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.Splice:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.PublishKey:
			keys = append(keys, fileKey(s.Node, o.Path))
		case op.IssueCertificate:
			keys = append(keys, fileKey(s.Node, o.Cert))
			if o.Key != "" && o.Key != o.Cert {
				keys = append(keys, fileKey(s.Node, o.Key))
			}
		case op.CreateObject:
			keys = append(keys, created(o))
		}
	}
	return keys
}

func created(o op.CreateObject) string {
	var x struct {
		Kind     string
		Metadata struct{ Namespace, Name string }
	}
	if json.Unmarshal(o.Body, &x) != nil {
		return o.Path
	}
	return objectKey(x.Kind, x.Metadata.Namespace, x.Metadata.Name)
}
