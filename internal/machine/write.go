package machine

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/op"
)

// temporary is the name under which a file is written before it takes its
// place. It begins with a dot: the kubelet reads every other name in its
// manifests folder, and so do cron and systemd in theirs. It is always the
// same, so that what a crash left is found again.
func (d dir) temporary() string { return "." + d.name + ".klustered" }

// WriteFile puts x in the place of what is at path, at once. A zero time is
// left to the clock.
func (f *Files) WriteFile(path string, x op.File) error {
	if err := f.makeDirs(path); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	d, err := f.open(path)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer d.close()
	if err := f.replace(d, d.labelled(x)); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return nil
}

func (f *Files) replace(d dir, x op.File) error {
	if err := unix.Unlinkat(d.fd, d.temporary(), 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	make := f.makeRegular
	if x.Link != "" {
		make = f.makeLink
	}
	tmp := dir{d.fd, d.temporary()}
	err := make(tmp, x)
	if err == nil {
		err = tmp.stamp(x.Modified)
	}
	if err == nil {
		err = d.thaw()
	}
	if err == nil {
		err = f.swap(d, x)
	}
	if err != nil {
		_ = unix.Unlinkat(d.fd, tmp.name, 0)
		return err
	}
	if err := d.freeze(x); err != nil {
		return err
	}
	return f.syncDir(d)
}

// swap renames the temporary to its place. What is mounted there, as
// /etc/hosts of a container is, cannot be replaced and is written in place.
func (f *Files) swap(d dir, x op.File) error {
	err := unix.Renameat(d.fd, d.temporary(), d.fd, d.name)
	if !errors.Is(err, unix.EBUSY) || x.Link != "" {
		return err
	}
	fd, err := unix.Openat(d.fd, d.name, unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err = setAside(fd, int64(len(x.Data))); err == nil {
		err = unix.Ftruncate(fd, 0)
	}
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	if err := errors.Join(f.fill(fd, d.name, x), d.stamp(x.Modified)); err != nil {
		return err
	}
	return unix.Unlinkat(d.fd, d.temporary(), 0)
}

// setAside has the disk hold room for so many bytes of a file: one that is full,
// ill, or has a quota is to be known of while the old content is there. A file
// system that cannot tell is left to fail.
func setAside(fd int, size int64) error {
	for {
		switch err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, 0, max(1, size)); {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		default:
			return err
		}
	}
}

func (f *Files) makeRegular(d dir, x op.File) error {
	fd, err := unix.Openat(d.fd, d.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	return f.fill(fd, d.name, x)
}

// fill writes the content and the attributes of x, and closes fd.
func (f *Files) fill(fd int, name string, x op.File) (err error) {
	file := os.NewFile(uintptr(fd), name)
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(x.Data); err != nil {
		return err
	}
	if err := own(fd, x); err != nil {
		return err
	}
	// after the owner: chown(2) takes set-id bits away
	if err := unix.Fchmod(fd, statMode(x.Mode)); err != nil {
		return err
	}
	if err := setXattrs(fd, x.Xattrs); err != nil {
		return err
	}
	if f.NoSync {
		return nil
	}
	return file.Sync()
}

// own sets the owner, if it is another than the one that made the file.
func own(fd int, x op.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if int(st.Uid) == x.UID && int(st.Gid) == x.GID {
		return nil
	}
	return unix.Fchown(fd, x.UID, x.GID)
}

func (f *Files) makeLink(d dir, x op.File) error {
	if err := unix.Symlinkat(x.Link, d.fd, d.name); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil
	}
	return unix.Fchownat(d.fd, d.name, x.UID, x.GID, unix.AT_SYMLINK_NOFOLLOW)
}

// stamp sets the time of last change to t, unless that is zero.
func (d dir) stamp(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.UtimesNanoAt(d.fd, d.name, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}
