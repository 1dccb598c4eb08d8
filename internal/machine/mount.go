package machine

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// Mounts are the mounts of this process's namespace. It implements
// [op.Mounts].
type Mounts struct{}

// ReadMounts returns what is mounted at p, the lowest first.
func (Mounts) ReadMounts(p string) ([]op.Mount, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("cannot read the mounts: %w", err)
	}
	return MountsAt(string(data), p), nil
}

// MountsAt returns those of a mountinfo file, proc_pid_mountinfo(5), that are
// at p.
func MountsAt(mountinfo, p string) []op.Mount {
	var out []op.Mount
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		w, v := strings.Fields(before), strings.Fields(after)
		if !ok || len(w) < 6 || len(v) < 3 || octal(w[4]) != p {
			continue
		}
		x := op.Mount{Path: p, Root: octal(w[3]), Type: v[0], Source: octal(v[1]), Options: w[5]}
		for own := range strings.SplitSeq(v[2], ",") {
			if own != "rw" && own != "ro" || own == "ro" && !strings.Contains(","+w[5]+",", ",ro,") {
				x.Options += "," + own
			}
		}
		out = append(out, x)
	}
	return out
}

// octalWords is what the kernel writes for spaces and the like.
var octalWords = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func octal(s string) string { return octalWords.Replace(s) }

// mountFlags are the options that are flags of mount(2).
var mountFlags = map[string]uintptr{
	"ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC, "sync": unix.MS_SYNCHRONOUS,
	"noatime": unix.MS_NOATIME, "nodiratime": unix.MS_NODIRATIME, "relatime": unix.MS_RELATIME, "strictatime": unix.MS_STRICTATIME,
	"rw": 0,
}

// flagsOf parts options into flags and what is the file system's own.
func flagsOf(options string) (flags uintptr, own string) {
	var rest []string
	for o := range strings.SplitSeq(options, ",") {
		if f, ok := mountFlags[o]; ok {
			flags |= f
		} else if o != "" && o != "seclabel" {
			rest = append(rest, o)
		}
	}
	return flags, strings.Join(rest, ",")
}

// Mount mounts x. One that shows a part of a file system, as a bind does, is
// made from where that part is to be seen now.
func (m Mounts) Mount(x op.Mount) error {
	flags, own := flagsOf(x.Options)
	source := x.Source
	if x.Type == "bind" || x.Root != "" && x.Root != "/" {
		if x.Type != "bind" {
			var err error
			if source, err = seenAt(x); err != nil {
				return err
			}
		}
		if err := unix.Mount(source, x.Path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("cannot show %s at %s: %w", source, x.Path, err)
		}
		if flags == 0 {
			return nil
		}
		if err := unix.Mount("", x.Path, "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""); err != nil {
			return fmt.Errorf("cannot set the options of the mount at %s: %w", x.Path, err)
		}
		return nil
	}
	if err := unix.Mount(source, x.Path, x.Type, flags, own); err != nil {
		return fmt.Errorf("cannot mount %s at %s: %w", x.Source, x.Path, err)
	}
	return nil
}

// seenAt finds where the part x.Root of a file system can be seen: below a
// mount of the same file system that shows more of it.
func seenAt(x op.Mount) (string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("cannot read the mounts: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		before, after, ok := strings.Cut(line, " - ")
		w, v := strings.Fields(before), strings.Fields(after)
		if !ok || len(w) < 6 || len(v) < 2 || v[0] != x.Type || octal(v[1]) != x.Source {
			continue
		}
		root := octal(w[3])
		rest, below := strings.CutPrefix(x.Root, strings.TrimSuffix(root, "/"))
		if !below || rest != "" && rest[0] != '/' {
			continue
		}
		at := path.Join(octal(w[4]), rest)
		if _, err := os.Lstat(at); err == nil {
			return at, nil
		}
	}
	return "", fmt.Errorf("cannot find where %s of %s can be seen", x.Root, x.Source)
}

// Unmount takes away the topmost mount of p. One that is in use is taken away
// from its place at once and ends when it is used no more.
func (Mounts) Unmount(p string) error {
	err := unix.Unmount(p, unix.UMOUNT_NOFOLLOW)
	if errors.Is(err, unix.EBUSY) {
		err = unix.Unmount(p, unix.UMOUNT_NOFOLLOW|unix.MNT_DETACH)
	}
	if err != nil {
		return fmt.Errorf("cannot unmount %s: %w", p, err)
	}
	return nil
}
