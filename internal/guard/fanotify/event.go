// Package fanotify tells which process changes a file in a folder, and which
// program a process begins to run.
package fanotify

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// An Event is one change that the kernel tells of.
type Event struct {
	Mask uint64
	PID  int // of the process; 0 for one that this PID namespace does not see
	// Folder is the identity of the folder, as [Identity] makes it; "" when
	// the event carries none. Name is the entry in it.
	Folder, Name string
	fd           int32
}

// Overflow reports that events were lost.
func (e Event) Overflow() bool { return e.Mask&unix.FAN_Q_OVERFLOW != 0 }

const (
	metaSize = unix.FAN_EVENT_METADATA_LEN
	infoHead = 4  // of struct fanotify_event_info_header
	fidSize  = 12 // fsid, then struct file_handle without its type
)

// Parse reads the events of one read, see fanotify(7). What is cut short ends
// them.
func Parse(data []byte) []Event {
	var out []Event
	for len(data) >= metaSize {
		n := int(binary.NativeEndian.Uint32(data))
		head := int(binary.NativeEndian.Uint16(data[6:]))
		if n < metaSize || n > len(data) || head < metaSize || head > n || data[4] != unix.FANOTIFY_METADATA_VERSION {
			break
		}
		e := Event{Mask: binary.NativeEndian.Uint64(data[8:]), fd: int32(binary.NativeEndian.Uint32(data[16:])), PID: int(int32(binary.NativeEndian.Uint32(data[20:])))}
		e.info(data[head:n])
		out = append(out, e)
		data = data[n:]
	}
	return out
}

// info takes in the records behind the metadata.
func (e *Event) info(data []byte) {
	for len(data) >= infoHead {
		kind, n := data[0], int(binary.NativeEndian.Uint16(data[2:]))
		if n < infoHead || n > len(data) {
			return
		}
		if body := data[infoHead:n]; (kind == unix.FAN_EVENT_INFO_TYPE_DFID_NAME || kind == unix.FAN_EVENT_INFO_TYPE_DFID) && len(body) >= fidSize+4 {
			size := int(binary.NativeEndian.Uint32(body[8:]))
			if end := fidSize + 4 + size; size >= 0 && end <= len(body) {
				e.Folder = identity(body[:8], int32(binary.NativeEndian.Uint32(body[12:])), body[16:end])
				name, _, _ := bytes.Cut(body[end:], []byte{0})
				e.Name = string(name)
			}
		}
		data = data[n:]
	}
}

// identity is what names a folder: file system, and handle in it.
func identity(fsid []byte, kind int32, handle []byte) string {
	out := append(bytes.Clone(fsid), binary.NativeEndian.AppendUint32(nil, uint32(kind))...)
	return string(append(out, handle...))
}
