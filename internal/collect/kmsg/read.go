package kmsg

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// maxRecords bounds a read: a ring buffer of 16 MiB has fewer.
const maxRecords = 1 << 18

// recordSize is more than the kernel puts into one record.
const recordSize = 8192 + 1024

// Read returns what the ring buffer at path holds now, the oldest first, and
// how many records were lost to overwriting or could not be parsed. It never
// waits: the device is opened non-blocking, and nothing in it is changed.
func Read(path string) (records []Record, lost int, err error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open %q: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, 0, fmt.Errorf("cannot stat %q: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(1, 11) {
		return nil, 0, fmt.Errorf("cannot read %q: it is not the kernel's message device", path)
	}
	return drain(func(b []byte) (int, error) { return unix.Read(fd, b) })
}

// drain reads records until there is none.
func drain(read func([]byte) (int, error)) (records []Record, lost int, err error) {
	b := make([]byte, recordSize)
	for range maxRecords {
		n, err := read(b)
		switch {
		case err == nil && n > 0:
		case err == nil, errors.Is(err, unix.EAGAIN):
			return records, lost, nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINVAL):
			lost++ // overwritten while we read, or too long for the buffer
			continue
		default:
			return records, lost, fmt.Errorf("cannot read kernel messages: %w", err)
		}
		r, err := Parse(b[:n])
		if err != nil {
			lost++
			continue
		}
		records = append(records, r)
	}
	return records, lost, nil
}
