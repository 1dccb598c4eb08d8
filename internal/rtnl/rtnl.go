// Package rtnl speaks netlink with the kernel: a socket in any network
// namespace, dumps that are bounded, requests with an acknowledgement, and
// the wire forms of attributes and queueing disciplines.
//
// Nothing here loads a kernel module or starts a program. The parsers take
// bytes and never fail on odd input: what is cut short reads as absent.
package rtnl

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// wait is how long one receive may take. The kernel answers at once or not at
// all.
const wait = 2 * time.Second

// ErrStop, returned by the function given to Dump, ends the dump without error.
var ErrStop = errors.New("stop")

// A Conn is one netlink socket. It stays in the namespace that it was made in
// and is not for use by several goroutines at once.
type Conn struct {
	fd  int
	seq uint32
	buf []byte
}

// Dial opens a socket of family (unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
// in the network namespace that the calling thread is in. See [In].
func Dial(family int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, family)
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	tv := unix.NsecToTimeval(int64(wait))
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv)
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("cannot bind a netlink socket: %w", err)
	}
	return &Conn{fd: fd}, nil
}

// Close closes the socket.
func (c *Conn) Close() error { return unix.Close(c.fd) }

// A Message is one netlink message without its header.
type Message struct {
	Type  uint16
	Flags uint16
	Body  []byte
}

// Dump asks for all objects of a kind and hands each to each. An error of
// each ends the dump: the socket is not usable after that, except for Close.
func (c *Conn) Dump(kind uint16, body []byte, each func(Message) error) error {
	if err := c.send(Message{kind, unix.NLM_F_REQUEST | unix.NLM_F_DUMP, body}); err != nil {
		return err
	}
	for {
		done, err := c.receive(each)
		if errors.Is(err, ErrStop) {
			return nil
		}
		if done || err != nil {
			return err
		}
	}
}

// Do sends requests one after another in one write, as nfnetlink's batches
// want it, and waits for the acknowledgement of every one that asks for it.
// The first refusal is returned as a syscall.Errno.
func (c *Conn) Do(list ...Message) error {
	acks := 0
	for i := range list {
		list[i].Flags |= unix.NLM_F_REQUEST
		if list[i].Flags&unix.NLM_F_ACK != 0 {
			acks++
		}
	}
	if err := c.send(list...); err != nil {
		return err
	}
	var first error
	for ; acks > 0; acks-- {
		if _, err := c.receive(func(Message) error { return nil }); err != nil {
			if first == nil {
				first = err
			}
			var refused syscall.Errno
			if !errors.As(err, &refused) || refused == unix.EAGAIN {
				break
			}
		}
	}
	return first
}

func (c *Conn) send(list ...Message) error {
	var out []byte
	for _, m := range list {
		c.seq++
		head := make([]byte, unix.NLMSG_HDRLEN)
		binary.NativeEndian.PutUint32(head[0:], uint32(len(head)+len(m.Body)))
		binary.NativeEndian.PutUint16(head[4:], m.Type)
		binary.NativeEndian.PutUint16(head[6:], m.Flags)
		binary.NativeEndian.PutUint32(head[8:], c.seq)
		out = append(out, pad(append(head, m.Body...))...)
	}
	err := unix.Sendto(c.fd, out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err != nil {
		return fmt.Errorf("cannot send to the kernel: %w", err)
	}
	return nil
}

// receive reads one datagram; done reports the end of a dump or an
// acknowledgement.
func (c *Conn) receive(each func(Message) error) (done bool, err error) {
	data, err := c.next()
	if err != nil {
		return false, fmt.Errorf("cannot read the kernel's answer: %w", err)
	}
	for _, m := range Messages(data) {
		switch m.Type {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			return true, refusal(m.Body)
		default:
			if err := each(m); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// next waits for a datagram and returns a copy of its size, so that what is
// kept of it keeps no more than that alive. The buffer is large, since the
// kernel makes the parts of a dump as large as what is offered to it.
func (c *Conn) next() ([]byte, error) {
	if c.buf == nil {
		c.buf = make([]byte, 64<<10)
	}
	n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
	for errors.Is(err, unix.EINTR) { // a call with a timeout is not begun again by itself, see signal(7)
		n, _, err = unix.Recvfrom(c.fd, c.buf, 0)
	}
	return bytes.Clone(c.buf[:max(n, 0)]), err
}

// refusal is the error in the body of an NLMSG_ERROR, nil for an
// acknowledgement.
func refusal(body []byte) error {
	if len(body) < 4 {
		return nil
	}
	if code := int32(binary.NativeEndian.Uint32(body)); code != 0 {
		return syscall.Errno(-code)
	}
	return nil
}

// Messages cuts a datagram into its messages.
func Messages(data []byte) []Message {
	var out []Message
	for len(data) >= unix.NLMSG_HDRLEN {
		n := int(binary.NativeEndian.Uint32(data))
		if n < unix.NLMSG_HDRLEN || n > len(data) {
			break
		}
		out = append(out, Message{
			Type:  binary.NativeEndian.Uint16(data[4:]),
			Flags: binary.NativeEndian.Uint16(data[6:]),
			Body:  data[unix.NLMSG_HDRLEN:n],
		})
		data = data[min(align(n), len(data)):]
	}
	return out
}

func align(n int) int { return (n + 3) &^ 3 }

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
