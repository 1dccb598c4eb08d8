// Package file collects files that stand out by what they are: set-user-ID
// files and capabilities, immutable ones, files where none should be, and what
// dpkg, update-alternatives and binfmt_misc put in the place of others.
package file

import (
	"context"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{{Section: snapshot.SectionFiles, Collect: collect, Timeout: 4 * time.Second}}
}

const (
	maxWalked = 60000 // files
	maxDepth  = 12
	maxKept   = 200 // of each list
	walkTime  = 1500 * time.Millisecond
)

// roots are the folders in which programs are looked for.
var roots = []string{"/usr/bin", "/usr/sbin", "/usr/local", "/usr/lib", "/usr/libexec", "/bin", "/sbin", "/opt", "/root", "/tmp", "/var/tmp", "/dev/shm", "/home"}

// data are folders below roots that hold many files and none that is run.
var data = []string{"/usr/lib/python3", "/usr/lib/modules", "/usr/lib/firmware", "/usr/lib/locale", "/usr/lib/girepository-1.0", "/usr/lib/x86_64-linux-gnu/perl", "/usr/lib/x86_64-linux-gnu/perl-base", "/usr/lib/x86_64-linux-gnu/gconv"}

// collect walks the folders and reads what dpkg knows of exceptions.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	x := &snapshot.Files{}
	e.HasPackages()
	w := &walker{env: e, ctx: ctx, out: x, until: time.Now().Add(walkTime), seen: map[string]bool{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, dir := range roots {
			w.folder(e.Resolve(dir), 0)
		}
	})
	side := &snapshot.Files{}
	wg.Go(func() {
		fixed(e, side)
		odd(e, side)
		dpkg(e, side)
		formats(e, side)
	})
	wg.Wait()
	x.Fixed, x.Alternatives, x.Diversions, x.Overrides, x.Sources, x.Formats = side.Fixed, side.Alternatives, side.Diversions, side.Overrides, side.Sources, side.Formats
	x.Odd = append(side.Odd, x.Odd...)
	if w.cut != "" {
		e.Gap(snapshot.SectionFiles, w.cut, w.err)
	}
	s.Files = x
	return ctx.Err()
}

// special describes a file.
func special(name, why string, i source.Info) snapshot.Special {
	return snapshot.Special{Path: name, Why: why, Mode: i.Mode, UID: i.UID, GID: i.GID, Size: i.Size, Modified: i.Modified, Changed: i.Changed}
}

// keep adds to a list up to its bound.
func keep(list *[]snapshot.Special, x snapshot.Special) {
	if len(*list) < maxKept {
		*list = append(*list, x)
	}
}

// places are the files and folders that repairs and operators write: each is
// looked at for the attributes that forbid it.
var places = []string{
	"/etc", "/etc/*", "/etc/kubernetes", "/etc/kubernetes/*", "/etc/kubernetes/manifests/*", "/etc/kubernetes/pki/*", "/etc/kubernetes/pki/etcd/*", "/etc/cni/net.d", "/etc/cni/net.d/*", "/etc/containerd/*", "/etc/default/*",
	"/var/lib/kubelet", "/var/lib/kubelet/*", "/var/lib/kubelet/pki/*", "/var/lib/etcd", "/var/lib/etcd/*", "/var/lib/etcd/member/*", "/var/lib/etcd/member/*/*", "/opt/cni/bin", "/opt/cni/bin/*",
	"/etc/systemd/system", "/etc/systemd/system/*", "/etc/systemd/system/*.d/*", "/usr/lib/systemd/system/kubelet.service", "/usr/lib/systemd/system/kubelet.service.d/*", "/usr/lib/systemd/system/containerd.service",
	"/etc/cron.d/*", "/var/spool/cron", "/var/spool/cron/crontabs", "/var/spool/cron/crontabs/*", "/etc/sysctl.d/*", "/etc/modprobe.d/*", "/etc/modules-load.d/*", "/etc/apt/*", "/var/lib/dpkg", "/var/lib/dpkg/status", "/var/lib/dpkg/lock*",
	"/usr/bin/kube*", "/usr/local/bin", "/usr/local/bin/*", "/usr/bin/crictl", "/root", "/root/.*", "/root/.ssh/*", "/root/.kube/*", "/boot", "/boot/*", "/etc/ssh/*", "/etc/profile.d/*", "/tmp", "/usr/bin", "/usr/sbin",
}

// fixed finds immutable and append-only files.
func fixed(e *source.Env, out *snapshot.Files) {
	seen := map[string]bool{}
	for _, p := range places {
		for _, name := range e.Glob(p) {
			if base := path.Base(name); base == "." || base == ".." || seen[name] {
				continue
			}
			seen[name] = true
			i, flags, err := e.Attributes(name)
			if err != nil || flags&(source.Immutable|source.AppendOnly) == 0 {
				continue
			}
			why := "immutable"
			if flags&source.Immutable == 0 {
				why = "append-only"
			}
			x := special(name, why, i)
			x.Package = e.PackageOwner(name)
			keep(&out.Fixed, x)
		}
	}
}

// odd finds files where none should be.
func odd(e *source.Env, out *snapshot.Files) {
	plain(e, "/dev", 0, out)
	for _, dir := range []string{"/dev/shm", "/dev/mqueue", "/tmp", "/var/tmp", "/run", "/", "/usr", "/etc", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/lib", "/lib", "/opt", "/var", "/var/lib", "/root", "/boot"} {
		list, _ := e.ReadDir(dir)
		for _, f := range list {
			name := path.Join(dir, f.Name())
			why := hides(f.Name())
			switch {
			case why == "" && dir == "/dev/shm", why == "" && dir == "/dev/mqueue":
				why = "shared-memory"
			case why == "" && strings.HasPrefix(f.Name(), ".") && hiddenHere(dir, f.Name()):
				why = "hidden"
			}
			if why == "" || len(out.Odd) >= maxKept {
				continue
			}
			if i, err := e.Lstat(name); err == nil && e.PackageOwner(name) == "" {
				keep(&out.Odd, special(strings.ToValidUTF8(name, "\ufffd"), why, i))
			}
		}
	}
}

// hides says what of a name makes it hard to see or to type.
func hides(name string) string {
	switch {
	case strings.Trim(name, ".") == "":
		return "name"
	case name != strings.TrimSpace(name), strings.HasPrefix(name, ".. "), strings.HasPrefix(name, "-"):
		return "name"
	case strings.ContainsFunc(name, func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == 0xfffd || r >= 0x200b && r <= 0x206f || r == 0xa0
	}):
		return "name"
	}
	return ""
}

// usualDots are hidden names that programs make in a folder where others are
// odd.
var usualDots = []string{".dockerenv", ".containerenv", ".X11-unix", ".ICE-unix", ".XIM-unix", ".font-unix", ".Test-unix", ".pwd.lock", ".updated", ".java", ".git", ".etckeeper", ".resolv.conf.systemd-resolved.bak", ".placeholder"}

// hiddenHere reports whether a name that begins with a dot is odd in dir.
func hiddenHere(dir, name string) bool {
	return dir != "/root" && !slices.Contains(usualDots, name)
}

// plain finds regular files below /dev, where only devices belong.
func plain(e *source.Env, dir string, depth int, out *snapshot.Files) {
	list, err := e.ReadDir(dir)
	if err != nil || depth > 4 {
		return
	}
	for _, f := range list {
		name := path.Join(dir, f.Name())
		switch {
		case f.IsDir():
			if name != "/dev/shm" && name != "/dev/mqueue" && name != "/dev/pts" && name != "/dev/hugepages" && !strings.HasPrefix(name, "/dev/.") {
				plain(e, name, depth+1, out)
			}
		case f.Type().IsRegular():
			if i, err := e.Lstat(name); err == nil {
				keep(&out.Odd, special(name, "regular", i))
			}
		}
	}
}
