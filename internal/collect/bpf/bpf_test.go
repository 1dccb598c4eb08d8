package bpf

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// load gives the kernel a program that returns 0 and does nothing else.
func load(t *testing.T) int {
	t.Helper()
	code := []byte{0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0} // r0 = 0; exit
	fd, err := loadProg(1, code, "klustered_test")
	if err != nil {
		t.Skipf("no program can be loaded: %v", err)
	}
	return fd
}

func TestLive(t *testing.T) {
	fd := load(t)
	defer unix.Close(fd)
	b, err := info(fd, sizeOfProgInfo, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := u32(b, 4)
	s := &snapshot.Snapshot{Descriptors: &snapshot.Descriptors{BPF: []snapshot.HeldBPF{{PID: 7, FD: fd, Kind: "prog", ID: id}, {PID: 8, Kind: "link", Prog: id}}}}
	e := source.New("/", true)
	if err := collect(context.Background(), e, s); err != nil {
		t.Fatal(err)
	}
	for _, p := range s.BPF.Programs {
		if p.ID == id {
			if p.Name != "klustered_test" || p.Type != "socket_filter" || time.Since(p.Loaded) > time.Minute || p.Loaded.After(time.Now().Add(time.Second)) ||
				len(p.Holders) != 2 || len(p.Tag) != 16 || p.Size != 16 {
				t.Errorf("%+v", p)
			}
			return
		}
	}
	t.Errorf("program %d is not among %+v; gaps %+v", id, s.BPF.Programs, e.Gaps())
}

func TestParse(t *testing.T) {
	b := make([]byte, sizeOfLinkInfo)
	for at, v := range map[int]uint32{0: 3, 4: 9, 8: 77, 16: 4096, 24: 6} {
		binary.NativeEndian.PutUint32(b[at:], v)
	}
	if l, group := parseLink(b); l.Type != "cgroup" || l.ID != 9 || l.Prog != 77 || group != 4096 || l.Attach != "cgroup_device" {
		t.Errorf("%+v %d", l, group)
	}
	binary.NativeEndian.PutUint32(b[0:], 11)
	binary.NativeEndian.PutUint32(b[20:], 46)
	if l, _ := parseLink(b); l.Type != "tcx" || l.Ifindex != 4096 || l.Attach != "tcx_ingress" {
		t.Errorf("%+v", l)
	}
	if got := parseTraced([]byte("# x\np:kprobes/a do_x\n\n"), "f"); len(got) != 1 || got[0].Line != 2 {
		t.Errorf("%+v", got)
	}
	if name(progTypes, 6) != "xdp" || name(progTypes, 29) != "lsm" || name(mapTypes, 27) != "ringbuf" || name(progTypes, 4000000000) != "4000000000" {
		t.Error("names")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x03\x00\x00\x00\x09\x00\x00\x00p:kprobes/a do_x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseProg(data, time.Unix(0, 0))
		parseMap(data)
		parseLink(data)
		if len(parseTraced(data, "f")) > maxTraced {
			t.Error("not bounded")
		}
	})
}
