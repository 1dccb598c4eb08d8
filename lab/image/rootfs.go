package image

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/klustered/klustered/lab/engine"
	"github.com/klustered/klustered/lab/progress"
)

// nodePackages are the Debian packages of a node beside the smallest system.
var nodePackages = []string{
	"systemd", "systemd-sysv", "dbus", "iproute2", "iptables", "nftables", "ipset", "conntrack", "socat",
	"ethtool", "kmod", "procps", "cron", "at", "runc", "curl", "ca-certificates", "openssl",
	"e2fsprogs", "iputils-ping", "less", "vim-tiny", "util-linux", "mount", "ipvsadm", "bpftool", "bindfs",
}

// Release is a distribution release, as /etc/os-release names it.
type Release struct{ ID, Codename string }

// HostRelease reads the release of the system under root. Nodes run the same one, as its
// packages are known to be within reach.
func HostRelease(root string) (Release, error) {
	data, err := os.ReadFile(filepath.Join(root, "etc/os-release"))
	if err != nil {
		return Release{}, fmt.Errorf("cannot tell the distribution: %w", err)
	}
	r := parseRelease(string(data))
	if (r.ID != "debian" && r.ID != "ubuntu") || r.Codename == "" {
		return r, fmt.Errorf("cannot build a node image on %q: the lab knows Debian and Ubuntu", r.ID)
	}
	return r, nil
}

func parseRelease(text string) Release {
	var r Release
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch value = strings.Trim(value, `"'`); key {
		case "ID":
			r.ID = value
		case "VERSION_CODENAME":
			r.Codename = value
		}
	}
	return r
}

func (r Recipe) baseKey() string {
	return hash(append([]string{r.Release.ID, r.Release.Codename, runtime.GOARCH}, nodePackages...)...)
}

func (r Recipe) basePath() string {
	return filepath.Join(r.Cache, "base-"+r.baseKey()+".tar")
}

func (r Recipe) baseImage() string { return Repository + "/base:" + r.baseKey() }

// rootfsPackages are the packages the host lacks to make a root file system.
func rootfsPackages() []string {
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return []string{"mmdebstrap"}
	}
	return nil
}

// buildBase makes the root file system of packages and gives it to the engine.
func (r Recipe) buildBase(ctx context.Context, e *engine.Engine, p progress.Progress) error {
	if !exists(r.basePath()) {
		if need := rootfsPackages(); len(need) > 0 {
			if err := engine.Install(ctx, p, need...); err != nil {
				return err
			}
		}
		title := fmt.Sprintf("make a %s %s root file system", r.Release.ID, r.Release.Codename)
		if err := progress.Do(p, title, func() error { return r.debootstrap(ctx) }); err != nil {
			return err
		}
	}
	if e.HasImage(ctx, r.baseImage()) {
		return nil
	}
	return progress.Do(p, "load the root file system", func() error {
		f, err := os.Open(r.basePath())
		if err != nil {
			return err
		}
		defer f.Close()
		return e.Import(ctx, f, r.baseImage())
	})
}

func (r Recipe) debootstrap(ctx context.Context) error {
	temp := r.basePath() + ".part"
	defer os.Remove(temp)
	argv := []string{"mmdebstrap", "--mode=root", "--variant=minbase", "--format=tar",
		"--include=" + strings.Join(nodePackages, ","), r.Release.Codename, temp}
	argv = append(argv, aptSources("/")...)
	if _, err := engine.Command(ctx, nil, argv...); err != nil {
		return fmt.Errorf("cannot make the root file system: %w", err)
	}
	return os.Rename(temp, r.basePath())
}

// aptSources are the host's own lists of the distribution's mirrors: they are known to
// work here. None leaves the choice to mmdebstrap.
func aptSources(root string) []string {
	var list []string
	for _, name := range []string{"sources.list", "sources.list.d/debian.sources", "sources.list.d/ubuntu.sources"} {
		path := filepath.Join(root, "etc/apt", name)
		if data, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(data))) > 0 {
			list = append(list, path)
		}
	}
	return list
}
