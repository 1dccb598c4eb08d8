package engine

import (
	"context"
	"fmt"
	"io"
)

// HasImage reports whether the engine holds an image of that name.
func (e *Engine) HasImage(ctx context.Context, image string) bool {
	_, err := e.run(ctx, nil, "image", "inspect", image)
	return err == nil
}

// Import makes an image from a tar of a root file system. changes are lines of a
// Dockerfile such as `ENTRYPOINT ["/sbin/init"]`.
func (e *Engine) Import(ctx context.Context, tar io.Reader, image string, changes ...string) error {
	args := []string{"import"}
	for _, c := range changes {
		args = append(args, "--change", c)
	}
	_, err := e.run(ctx, tar, append(args, "-", image)...)
	return err
}

// Commit keeps a container's file system, without its volumes, as an image.
func (e *Engine) Commit(ctx context.Context, container, image string) error {
	_, err := e.run(ctx, nil, "commit", "--pause=false", container, image)
	return err
}

// RemoveImage removes an image; one that is not there is no error.
func (e *Engine) RemoveImage(ctx context.Context, image string) error {
	if !e.HasImage(ctx, image) {
		return nil
	}
	_, err := e.run(ctx, nil, "image", "rm", "-f", image)
	return err
}

// Images lists the names of the images of a repository, as "repository:tag".
func (e *Engine) Images(ctx context.Context, repository string) ([]string, error) {
	return e.lines(ctx, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference="+repository)
}

// CreateVolume makes a named volume with labels.
func (e *Engine) CreateVolume(ctx context.Context, name string, labels map[string]string) error {
	_, err := e.run(ctx, nil, append(labelled("volume", labels), name)...)
	return err
}

// Volumes lists the names of the volumes that carry a label.
func (e *Engine) Volumes(ctx context.Context, label string) ([]string, error) {
	return e.lines(ctx, "volume", "ls", "-q", "--filter", "label="+label)
}

// VolumeLabel gives the value of a volume's label, "" where it has none.
func (e *Engine) VolumeLabel(ctx context.Context, name, label string) (string, error) {
	return e.run(ctx, nil, "volume", "inspect", "--format", `{{index .Labels "`+label+`"}}`, name)
}

// RemoveVolumes removes volumes that no container uses.
func (e *Engine) RemoveVolumes(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	_, err := e.run(ctx, nil, append([]string{"volume", "rm", "-f"}, names...)...)
	return err
}

// CopyVolume fills an empty volume with everything another one holds, running cp from
// the image: owners, modes, times and extended attributes are kept.
func (e *Engine) CopyVolume(ctx context.Context, image, from, to string) error {
	argv := append([]string{e.Name, "run", "--rm", "--network", "none"}, e.limitFlags(false)...)
	out, err := Command(ctx, nil, append(argv,
		"--volume", from+":/from:ro", "--volume", to+":/to",
		"--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE",
		"--entrypoint", "/bin/cp", image, "-a", "--sparse=auto", "/from/.", "/to/")...)
	if err != nil {
		return fmt.Errorf("cannot copy volume %s to %s: %w%s", from, to, err, out)
	}
	return nil
}

// Loosen takes the attributes off the files of a volume that keep them from being
// removed, running chattr from the image.
func (e *Engine) Loosen(ctx context.Context, image, volume string) error {
	argv := append([]string{e.Name, "run", "--rm", "--pull", "never", "--network", "none"}, e.limitFlags(false)...)
	out, err := Command(ctx, nil, append(argv, "--volume", volume+":/of", "--cap-add", "LINUX_IMMUTABLE", "--entrypoint", "/usr/bin/chattr", image, "-R", "-f", "-i", "-a", "/of")...)
	if err != nil {
		return fmt.Errorf("cannot take the attributes off the files of volume %s: %w%s", volume, err, out)
	}
	return nil
}

// CreateNetwork makes a bridge network of its own with a fixed subnet and gateway.
func (e *Engine) CreateNetwork(ctx context.Context, name, subnet, gateway string, labels map[string]string) error {
	args := append(labelled("network", labels), "--subnet", subnet, "--gateway", gateway, name)
	_, err := e.run(ctx, nil, args...)
	return err
}

// Networks lists the names of the networks that carry a label.
func (e *Engine) Networks(ctx context.Context, label string) ([]string, error) {
	return e.lines(ctx, "network", "ls", "--format", "{{.Name}}", "--filter", "label="+label)
}

// RemoveNetworks removes networks.
func (e *Engine) RemoveNetworks(ctx context.Context, names ...string) error {
	if len(names) == 0 {
		return nil
	}
	_, err := e.run(ctx, nil, append([]string{"network", "rm"}, names...)...)
	return err
}

func labelled(kind string, labels map[string]string) []string {
	args := []string{kind, "create"}
	for _, k := range sortedKeys(labels) {
		args = append(args, "--label", k+"="+labels[k])
	}
	return args
}
