// Package kmsg reads the kernel's ring buffer of messages.
package kmsg

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Path is the device that gives one record for each read.
const Path = "/dev/kmsg"

// A Record is one message of the kernel, or of a process that wrote to the
// device; the facility tells, see Kernel.
type Record struct {
	Priority int           // syslog severity, 0 to 7
	Facility int           // 0 is the kernel
	Seq      uint64        // counts without gaps unless records were lost
	Since    time.Duration // since boot
	Text     string
}

// Kernel reports whether the kernel itself wrote the record.
func (r *Record) Kernel() bool { return r.Facility == 0 }

// Parse reads "priority,sequence,microseconds,flags[,more];text", as
// Documentation/ABI/testing/dev-kmsg in the kernel's sources lays it out.
// Lines after the first are tags of the device and left out.
func Parse(b []byte) (Record, error) {
	head, rest, ok := bytes.Cut(b, []byte(";"))
	if !ok {
		return Record{}, errors.New("cannot parse kernel message: it has no semicolon")
	}
	parts := strings.SplitN(string(head), ",", 5)
	if len(parts) < 4 {
		return Record{}, fmt.Errorf("cannot parse kernel message: its head is %q", head)
	}
	level, err1 := strconv.ParseUint(parts[0], 10, 16)
	seq, err2 := strconv.ParseUint(parts[1], 10, 64)
	us, err3 := strconv.ParseInt(parts[2], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil || us < 0 || us > int64(1<<63-1)/1000 {
		return Record{}, fmt.Errorf("cannot parse kernel message: its head is %q", head)
	}
	text, _, _ := bytes.Cut(rest, []byte("\n"))
	return Record{
		Priority: int(level & 7), Facility: int(level >> 3), Seq: seq,
		Since: time.Duration(us) * time.Microsecond, Text: unescape(string(text)),
	}, nil
}

// unescape undoes the \xNN by which the kernel writes what is not printable.
func unescape(s string) string {
	if !strings.Contains(s, `\x`) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if len(s) >= 4 && s[:2] == `\x` {
			if c, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				s = s[4:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}
