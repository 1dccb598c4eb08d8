package fanotify

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// message is an event as the kernel writes it.
func message(mask uint64, pid int32, kind byte, handle, name string) []byte {
	var info []byte
	if kind != 0 {
		body := append([]byte("FSIDFSID"), binary.NativeEndian.AppendUint32(nil, uint32(len(handle)))...)
		body = binary.NativeEndian.AppendUint32(body, 1)
		body = append(append(body, handle...), name...)
		body = append(body, 0)
		for (len(body)+infoHead)%4 != 0 {
			body = append(body, 0)
		}
		info = binary.NativeEndian.AppendUint16([]byte{kind, 0}, uint16(infoHead+len(body)))
		info = append(info, body...)
	}
	out := binary.NativeEndian.AppendUint32(nil, uint32(metaSize+len(info)))
	out = append(out, unix.FANOTIFY_METADATA_VERSION, 0)
	out = binary.NativeEndian.AppendUint16(out, metaSize)
	out = binary.NativeEndian.AppendUint64(out, mask)
	out = binary.NativeEndian.AppendUint32(out, ^uint32(0))
	out = binary.NativeEndian.AppendUint32(out, uint32(pid))
	return append(out, info...)
}

func TestParse(t *testing.T) {
	data := append(message(unix.FAN_MODIFY, 7, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, "handle12", "f"), message(unix.FAN_DELETE, 8, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, "handle34", "longer")...)
	data = append(data, message(unix.FAN_Q_OVERFLOW, 0, 0, "", "")...)
	all := Parse(data)
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	if e := all[0]; e.PID != 7 || e.Name != "f" || e.Folder != identity([]byte("FSIDFSID"), 1, []byte("handle12")) || e.fd != -1 {
		t.Errorf("%+v", e)
	}
	if e := all[1]; e.Name != "longer" || e.Mask != unix.FAN_DELETE || e.Overflow() {
		t.Errorf("%+v", e)
	}
	if !all[2].Overflow() {
		t.Errorf("%+v", all[2])
	}
	for n := range data {
		Parse(data[:n])
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message(unix.FAN_MODIFY, 7, unix.FAN_EVENT_INFO_TYPE_DFID_NAME, "handle12", "f"))
	f.Add(message(unix.FAN_Q_OVERFLOW, 0, 0, "", ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, e := range Parse(data) {
			if len(e.Name) > len(data) {
				t.Error("a name longer than the data")
			}
		}
	})
}
