// Package connector hears from the kernel of every process that is made and of
// every program that is begun, over the process connector of netlink. The
// kernel tells only those in its first process namespace.
package connector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/halt"
	"github.com/klustered/klustered/internal/rtnl"
)

// The numbers of linux/connector.h and linux/cn_proc.h.
const (
	idxProc, valProc = 1, 1
	opListen         = 1
	opIgnore         = 2
	whatNone         = 0
	whatFork         = 1
	whatExec         = 2
	headSize         = 20 // struct cn_msg
	eventHead        = 16 // of struct proc_event, before its data
)

// An Event is one process that was made, or a program that was begun.
type Event struct {
	PID    int
	Parent int  // of one that was made; 0 for a program that was begun
	ack    bool // the kernel has heard us
}

// Parse reads the events of a datagram. Threads are left out.
func Parse(data []byte) []Event {
	var out []Event
	for _, m := range rtnl.Messages(data) {
		b := m.Body
		if len(b) < headSize+eventHead+4 || binary.NativeEndian.Uint32(b) != idxProc || binary.NativeEndian.Uint32(b[4:]) != valProc {
			continue
		}
		data := b[headSize+eventHead:]
		at := func(i int) int {
			if len(data) < 4*i+4 {
				return 0
			}
			return int(binary.NativeEndian.Uint32(data[4*i:]))
		}
		switch what := binary.NativeEndian.Uint32(b[headSize:]); {
		case what == whatNone:
			out = append(out, Event{ack: at(0) == 0})
		case what == whatFork && at(2) == at(3) && at(3) > 0:
			out = append(out, Event{PID: at(3), Parent: at(1)})
		case what == whatExec && at(1) > 0:
			out = append(out, Event{PID: at(1)})
		}
	}
	return out
}

// listen is the request to be told, in struct proc_input where the kernel has
// it (Linux 6.6): then exits and the rest are not sent at all.
func listen(filtered bool) []byte { return request(opListen, filtered) }

func request(op uint32, filtered bool) []byte {
	body := binary.NativeEndian.AppendUint32(nil, op)
	if filtered {
		body = binary.NativeEndian.AppendUint32(body, whatFork|whatExec)
	}
	n := unix.NLMSG_HDRLEN + headSize + len(body)
	out := binary.NativeEndian.AppendUint32(nil, uint32(n))
	out = binary.NativeEndian.AppendUint16(out, unix.NLMSG_DONE)
	out = append(out, make([]byte, 10)...)
	out = binary.NativeEndian.AppendUint32(out, idxProc)
	out = binary.NativeEndian.AppendUint32(out, valProc)
	out = append(out, make([]byte, 8)...)
	out = binary.NativeEndian.AppendUint16(out, uint16(len(body)))
	out = append(out, 0, 0)
	return append(out, body...)
}

// A Conn hears of processes.
type Conn struct {
	halt.Halt
	fd    int
	buf   []byte
	asked bool // the kernel was asked to tell
}

// ackTime is how long the kernel may take to say that it has heard us.
const ackTime = 300 * time.Millisecond

// ErrDeaf means that the kernel does not tell this process: it is not in the
// first process namespace, or the kernel was built without the connector.
var ErrDeaf = errors.New("the kernel does not tell of processes here, as in every container")

// Dial asks the kernel to be told.
func Dial() (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("cannot open the process connector: %w", err)
	}
	c := &Conn{fd: fd, buf: make([]byte, 16<<10)}
	if c.Halt, err = halt.New(); err != nil {
		unix.Close(fd)
		return nil, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: idxProc})
	for _, filtered := range []bool{false, true} {
		if err == nil {
			if err = unix.Sendto(fd, listen(filtered), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err == nil {
				c.asked = true
			}
		}
	}
	if err == nil && !c.heard() {
		err = ErrDeaf
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot use the process connector: %w", err)
	}
	return c, nil
}

func (c *Conn) heard() bool {
	for end := time.Now().Add(ackTime); ; {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		if err == nil && len(Parse(c.buf[:n])) > 0 { // an acknowledgement, or already an event
			return true
		}
	}
}

// Close stops and closes the connection, which is not read any more. The
// kernel is told first: before Linux 6.6 it counts those who asked, also those
// that are gone, and goes on for them.
func (c *Conn) Close() error {
	if c.asked { // once: a filtered request is none to a kernel that counts
		unix.Sendto(c.fd, request(opIgnore, false), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	return errors.Join(c.Halt.Close(), unix.Close(c.fd))
}

// Read waits for events. Lost reports that the kernel had to drop some.
func (c *Conn) Read() (all []Event, lost bool, err error) {
	for {
		if err := c.Wait(c.fd); err != nil {
			return nil, lost, err
		}
		n, from, err := unix.Recvfrom(c.fd, c.buf, 0)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			lost = true
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, lost, fmt.Errorf("cannot hear of processes: %w", err)
		}
		if x, ok := from.(*unix.SockaddrNetlink); ok && x.Pid == 0 { // of the kernel itself
			return Parse(c.buf[:n]), lost, nil
		}
	}
}
