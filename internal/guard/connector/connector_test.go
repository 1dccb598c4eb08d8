package connector

import (
	"encoding/binary"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func message(what uint32, data ...uint32) []byte {
	b := append(listen(false)[:unix.NLMSG_HDRLEN+headSize], make([]byte, eventHead)...)
	binary.NativeEndian.PutUint32(b[unix.NLMSG_HDRLEN+headSize:], what)
	for _, x := range data {
		b = binary.NativeEndian.AppendUint32(b, x)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want []Event
	}{
		{"fork", message(whatFork, 5, 4, 9, 9), []Event{{PID: 9, Parent: 4}}},
		{"thread", message(whatFork, 5, 4, 10, 9), nil},
		{"exec", message(whatExec, 11, 10), []Event{{PID: 10}}},
		{"acknowledged", message(whatNone, 0), []Event{{ack: true}}},
		{"exit", message(1<<31, 1, 2, 3, 4), nil},
		{"cut", message(whatFork, 5, 4), nil},
	} {
		if got := Parse(c.data); !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(message(whatFork, 5, 4, 9, 9))
	f.Add(message(whatExec, 11, 10))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, e := range Parse(data) {
			if e.PID < 0 || e.Parent < 0 {
				t.Error(e)
			}
		}
	})
}

// TestHear: a child of this test is told of as made, and as begun.
func TestHear(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the connector needs root")
	}
	c, err := Dial()
	if err != nil {
		t.Skip(err)
	}
	defer c.Close()
	time.AfterFunc(5*time.Second, c.Stop)
	child := exec.Command("/bin/true")
	if err := child.Run(); err != nil {
		t.Fatal(err)
	}
	made, begun := false, false
	for !made || !begun {
		all, _, err := c.Read()
		if err != nil {
			t.Fatalf("made %v, begun %v: %v", made, begun, err)
		}
		for _, e := range all {
			if e.PID == child.Process.Pid {
				made, begun = made || e.Parent != 0, begun || e.Parent == 0
			}
		}
	}
}
