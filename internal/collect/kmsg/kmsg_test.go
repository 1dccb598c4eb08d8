package kmsg

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	cases := []struct {
		in   string
		want Record
		ok   bool
	}{
		{"6,339,5140900,-;NET: Registered protocol family 10\n SUBSYSTEM=net\n",
			Record{6, 0, 339, 5140900 * time.Microsecond, "NET: Registered protocol family 10"}, true},
		{"30,1,2,-,caller=T1;systemd[1]: a\\x0ab", Record{6, 3, 1, 2 * time.Microsecond, "systemd[1]: a\nb"}, true},
		{"3,1,2,c;odd \\xzz \\x4", Record{3, 0, 1, 2 * time.Microsecond, `odd \xzz \x4`}, true},
		{"no record", Record{}, false},
		{"1,2,3;x", Record{}, false},
		{"x,2,3,-;x", Record{}, false},
		{"1,2,-3,-;x", Record{}, false},
		{"1,2,9223372036854775807,-;x", Record{}, false},
	}
	for _, c := range cases {
		got, err := Parse([]byte(c.in))
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: got %+v, %v, want %+v", c.in, got, err, c.want)
		}
	}
}

func TestDrain(t *testing.T) {
	steps := []struct {
		text string
		err  error
	}{
		{"6,1,1,-;one", nil}, {"", unix.EINTR}, {"", unix.EPIPE}, {"broken", nil},
		{"4,9,2,-;two", nil}, {"", unix.EAGAIN}, {"6,10,3,-;late", nil},
	}
	i := 0
	records, lost, err := drain(func(b []byte) (int, error) {
		s := steps[i]
		i++
		return copy(b, s.text), s.err
	})
	if err != nil || lost != 2 || len(records) != 2 || records[1].Text != "two" || !records[0].Kernel() {
		t.Errorf("records %+v, lost %d, error %v", records, lost, err)
	}
	_, _, err = drain(func([]byte) (int, error) { return 0, unix.EIO })
	if !errors.Is(err, unix.EIO) {
		t.Errorf("error is %v", err)
	}
}

func TestReadDevice(t *testing.T) {
	if _, err := os.Stat(Path); err != nil {
		t.Skip("no /dev/kmsg in this container")
	}
	records, _, err := Read(Path)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("reading /dev/kmsg needs CAP_SYSLOG")
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(records); i++ {
		if records[i].Seq <= records[i-1].Seq {
			t.Fatalf("record %d follows %d", records[i].Seq, records[i-1].Seq)
		}
	}
}

func TestReadRefusesWhatIsNoDevice(t *testing.T) {
	name := t.TempDir() + "/kmsg"
	if err := os.WriteFile(name, []byte("6,1,1,-;one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(name); err == nil || !strings.Contains(err.Error(), "not the kernel's message device") {
		t.Errorf("error is %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("6,339,5140900,-;NET: x\\x0a\n SUBSYSTEM=net\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := Parse(b); err == nil && (r.Priority < 0 || r.Priority > 7 || r.Since < 0) {
			t.Errorf("%+v", r)
		}
	})
}
