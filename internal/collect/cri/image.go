package cri

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// The bounds of what is kept of images and containers.
const (
	maxImages  = 500
	maxMessage = 2 << 10 // bytes of a container's message
	maxMounts  = 40      // of one container
)

// askImages sets the images and what they take, by the image service of the
// CRI.
func askImages(ctx context.Context, c v1.ImageServiceClient, r *snapshot.Runtime) error {
	list, err := c.ListImages(ctx, &v1.ListImagesRequest{})
	if err != nil {
		return err
	}
	for _, x := range list.Images[:min(len(list.Images), maxImages)] {
		i := snapshot.Image{ID: x.Id, Names: x.RepoTags, Digests: x.RepoDigests, Size: x.Size, Pinned: x.Pinned, User: x.Username}
		if x.Uid != nil {
			uid := x.Uid.Value
			i.UID = &uid
		}
		r.Images = append(r.Images, i)
	}
	order.By(r.Images, func(a, b snapshot.Image) int { return cmp.Compare(first(a.Names)+a.ID, first(b.Names)+b.ID) })
	n := len(list.Images)
	fs, err := c.ImageFsInfo(ctx, &v1.ImageFsInfoRequest{})
	if err != nil {
		return err
	}
	usage := func(kind string, list []*v1.FilesystemUsage) {
		for _, x := range list {
			r.ImageFS = append(r.ImageFS, snapshot.ImageFS{Kind: kind, Path: x.GetFsId().GetMountpoint(),
				Bytes: x.GetUsedBytes().GetValue(), Inodes: x.GetInodesUsed().GetValue(), At: at(x.Timestamp)})
		}
	}
	usage("images", fs.ImageFilesystems)
	usage("containers", fs.ContainerFilesystems)
	if n > maxImages {
		return fmt.Errorf("only %d of %d are kept", maxImages, n)
	}
	return nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// features sets what the runtime and its handlers say they can do.
func features(r *snapshot.Runtime, st *v1.StatusResponse) {
	if st.GetFeatures().GetSupplementalGroupsPolicy() {
		r.Features = append(r.Features, "supplemental groups policy")
	}
	for _, h := range st.GetRuntimeHandlers() {
		x := snapshot.RuntimeHandler{Name: h.Name}
		if h.GetFeatures().GetRecursiveReadOnlyMounts() {
			x.Features = append(x.Features, "recursive read-only mounts")
		}
		if h.GetFeatures().GetUserNamespaces() {
			x.Features = append(x.Features, "user namespaces")
		}
		r.Handlers = append(r.Handlers, x)
	}
}

// mounts are those that lead out of what the kubelet and the runtime make for
// each container.
func mounts(list []*v1.Mount) []snapshot.ContainerMount {
	var out []snapshot.ContainerMount
	for _, m := range list {
		if len(out) == maxMounts || m.HostPath == "" || strings.HasPrefix(m.HostPath, "/var/lib/kubelet/pods/") || strings.Contains(m.HostPath, "/sandboxes/") {
			continue
		}
		x := snapshot.ContainerMount{Path: m.ContainerPath, Host: m.HostPath, ReadOnly: m.Readonly}
		switch m.Propagation {
		case v1.MountPropagation_PROPAGATION_HOST_TO_CONTAINER:
			x.Propagation = "host"
		case v1.MountPropagation_PROPAGATION_BIDIRECTIONAL:
			x.Propagation = "both"
		}
		out = append(out, x)
	}
	return out
}

// number is a decimal number, or 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// cut keeps the beginning of a long message.
func cut(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage], "")
}
