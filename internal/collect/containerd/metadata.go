package containerd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/klustered/klustered/internal/collect/etcd/bolt"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is kept of the metadata.
const (
	maxNamespaces = 50
	maxEntries    = 1000 // images or containers of one namespace
	maxLabels     = 30
)

// errMany says that a list was cut.
var errMany = errors.New("more entries than are kept")

// ParseMetadata reads the bytes of containerd's meta.db into c. The buckets
// are those of schema v1: v1/NAMESPACE/{labels,images,containers,leases,
// snapshots,content,sandboxes}/KEY.
func ParseMetadata(ctx context.Context, data []byte, c *snapshot.Containerd) error {
	c.Namespaces = nil
	f, err := bolt.Open(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	v1, err := f.Top().Sub(ctx, "v1")
	if err != nil || v1 == nil {
		return err // a new file has nothing in it
	}
	var more error
	err = v1.Each(ctx, func(k, v []byte, sub *bolt.Bucket) error {
		if sub == nil {
			if string(k) == "version" {
				n, _ := binary.Varint(v)
				c.Schema = int(n)
			}
			return nil
		}
		if len(c.Namespaces) == maxNamespaces {
			more = fmt.Errorf("cannot read all namespaces: %w", errMany)
			return nil
		}
		n := snapshot.ContainerdNamespace{Name: string(k)}
		err := parseNamespace(ctx, *sub, &n)
		if errors.Is(err, errMany) {
			more, err = err, nil
		}
		c.Namespaces = append(c.Namespaces, n)
		return err
	})
	return errors.Join(err, more)
}

// parseNamespace reads one namespace.
func parseNamespace(ctx context.Context, b bolt.Bucket, n *snapshot.ContainerdNamespace) error {
	var more error
	err := b.Each(ctx, func(k, _ []byte, sub *bolt.Bucket) error {
		if sub == nil {
			return nil
		}
		switch string(k) {
		case "labels":
			n.Labels = labelsOf(ctx, *sub)
		case "sandboxes":
			return each(ctx, *sub, &more, func(id string, _ fields) { n.Sandboxes = append(n.Sandboxes, id) })
		case "images", "image":
			return each(ctx, *sub, &more, func(id string, x fields) { n.Images = append(n.Images, imageOf(id, x)) })
		case "containers":
			return each(ctx, *sub, &more, func(id string, x fields) { n.Containers = append(n.Containers, containerOf(id, x)) })
		case "leases":
			return each(ctx, *sub, &more, func(id string, x fields) {
				n.Leases = append(n.Leases, snapshot.StoredLease{ID: id, Created: timeOf(x.values["createdat"]), Expires: x.labels["containerd.io/gc.expire"]})
			})
		case "snapshots":
			return countSnapshots(ctx, *sub, n)
		case "content":
			return countBlobs(ctx, *sub, n)
		}
		return nil
	})
	return errors.Join(err, more)
}

// fields are the values of an entry: those below another bucket are
// BUCKET/KEY, and its labels are apart.
type fields struct {
	values map[string][]byte
	labels map[string]string
}

// each calls fn for the entries of a bucket of buckets.
func each(ctx context.Context, b bolt.Bucket, more *error, fn func(id string, x fields)) error {
	n := 0
	return b.Each(ctx, func(k, _ []byte, sub *bolt.Bucket) error {
		if sub == nil {
			return nil
		}
		if n++; n > maxEntries {
			*more = errMany
			return nil
		}
		x := fields{values: map[string][]byte{}}
		err := sub.Each(ctx, func(key, v []byte, below *bolt.Bucket) error {
			switch {
			case below == nil:
				x.values[string(key)] = bytes.Clone(v)
			case string(key) == "labels":
				x.labels = labelsOf(ctx, *below)
			case string(key) == "target", string(key) == "runtime":
				name := string(key)
				return below.Each(ctx, func(key, v []byte, _ *bolt.Bucket) error {
					x.values[name+"/"+string(key)] = bytes.Clone(v)
					return nil
				})
			}
			return nil
		})
		if err == nil {
			fn(text(k), x)
		}
		return err
	})
}

// labelsOf are the labels of a bucket; one that is too long is cut.
func labelsOf(ctx context.Context, b bolt.Bucket) map[string]string {
	out := map[string]string{}
	_ = b.Each(ctx, func(k, v []byte, sub *bolt.Bucket) error { // a damaged one has fewer
		if sub == nil && len(out) < maxLabels {
			out[text(k)] = secret.Scrub(text(v[:min(len(v), 512)]))
		}
		return nil
	})
	return out
}

func text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

// timeOf reads a time as time.Time.MarshalBinary writes it.
func timeOf(b []byte) time.Time {
	var t time.Time
	if t.UnmarshalBinary(b) != nil {
		return time.Time{}
	}
	return t.UTC()
}

func imageOf(name string, x fields) snapshot.StoredImage {
	size, _ := binary.Varint(x.values["target/size"])
	i := snapshot.StoredImage{
		Name: name, Digest: text(x.values["target/digest"]), MediaType: text(x.values["target/mediatype"]), Size: size,
		Created: timeOf(x.values["createdat"]), Updated: timeOf(x.values["updatedat"]), Labels: x.labels,
	}
	if len(i.Labels) == 0 {
		i.Labels = nil
	}
	return i
}

// containerOf is one container. Of a pod's the labels say which; of others
// they are kept, with what it runs.
func containerOf(id string, x fields) snapshot.StoredContainer {
	c := snapshot.StoredContainer{
		ID: id, Image: text(x.values["image"]), Runtime: text(x.values["runtime/name"]),
		Snapshotter: text(x.values["snapshotter"]), SnapshotKey: text(x.values["snapshotKey"]),
		Created: timeOf(x.values["createdat"]), Updated: timeOf(x.values["updatedat"]),
		Kind: x.labels["io.cri-containerd.kind"], Namespace: x.labels["io.kubernetes.pod.namespace"],
		Pod: x.labels["io.kubernetes.pod.name"], UID: x.labels["io.kubernetes.pod.uid"], Name: x.labels["io.kubernetes.container.name"],
	}
	spec, annotations, err := ParseSpec(anyValue(x.values["spec"]))
	if err == nil {
		c.Sandbox = annotations["io.kubernetes.cri.sandbox-id"]
	}
	if c.SnapshotKey == c.ID {
		c.SnapshotKey = "" // as usual
	}
	if c.Kind == "" || c.Pod == "" {
		if c.Labels = x.labels; err == nil {
			c.Spec = &spec
		}
	}
	return c
}

// anyValue is the value of a google.protobuf.Any.
func anyValue(b []byte) []byte {
	for len(b) > 0 {
		n, kind, used := protowire.ConsumeTag(b)
		if used < 0 {
			return nil
		}
		b = b[used:]
		if n == 2 && kind == protowire.BytesType {
			v, used := protowire.ConsumeBytes(b)
			if used < 0 {
				return nil
			}
			return v
		}
		if used = protowire.ConsumeFieldValue(n, kind, b); used < 0 {
			return nil
		}
		b = b[used:]
	}
	return nil
}

// countSnapshots counts those of each snapshotter.
func countSnapshots(ctx context.Context, b bolt.Bucket, n *snapshot.ContainerdNamespace) error {
	n.Snapshots = map[string]int{}
	return b.Each(ctx, func(k, _ []byte, sub *bolt.Bucket) error {
		if sub == nil {
			return nil
		}
		name := text(k)
		return sub.Each(ctx, func(_, _ []byte, one *bolt.Bucket) error {
			if one != nil {
				n.Snapshots[name]++
			}
			return nil
		})
	})
}

// countBlobs counts the blobs and their bytes.
func countBlobs(ctx context.Context, b bolt.Bucket, n *snapshot.ContainerdNamespace) error {
	blobs, err := b.Sub(ctx, "blob")
	if err != nil || blobs == nil {
		return err
	}
	return blobs.Each(ctx, func(_, _ []byte, one *bolt.Bucket) error {
		if one == nil {
			return nil
		}
		n.Blobs++
		return one.Each(ctx, func(k, v []byte, _ *bolt.Bucket) error {
			if string(k) == "size" {
				size, _ := binary.Varint(v)
				n.BlobBytes += size
			}
			return nil
		})
	})
}
