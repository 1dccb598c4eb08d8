package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

// link finds an interface: its number and whether and how it is set.
func (n *Network) link(at op.LinkPlace) (*rtnl.Conn, int, op.Link, error) {
	c, _, err := n.routing(at.NetNS)
	if err != nil {
		return nil, 0, op.Link{}, err
	}
	index, out := 0, op.Link{}
	err = c.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(m rtnl.Message) error {
		a := rtnl.ParseAttrs(m.Body, unix.SizeofIfInfomsg)
		if a.Text(unix.IFLA_IFNAME) == at.Link {
			index = int(rtnl.Uint32(m.Body, 4))
			out = op.Link{Up: rtnl.Uint32(m.Body, 8)&unix.IFF_UP != 0, MTU: int(a.Uint32(unix.IFLA_MTU))}
		}
		return nil
	})
	if err == nil && index == 0 {
		err = fmt.Errorf("cannot find the interface %s: %w", at, fs.ErrNotExist)
	}
	if err != nil {
		c.Close()
		return nil, 0, out, err
	}
	return c, index, out, nil
}

// ReadLink returns how an interface is set, with its addresses and the routes
// that lead through it.
func (n *Network) ReadLink(at op.LinkPlace) (op.Link, error) {
	c, index, out, err := n.link(at)
	if err != nil {
		return out, err
	}
	defer c.Close()
	if out.Up {
		out.Routes, out.Addresses, err = lost(c, index)
	}
	if err != nil {
		return out, fmt.Errorf("cannot read the routes through %s: %w", at, err)
	}
	return out, nil
}

// lost are the messages of what the kernel forgets when the interface goes
// down, and does not make again when it goes up: routes but its own, and
// addresses of IPv6 but those of the link.
func lost(c *rtnl.Conn, index int) (routes, addresses [][]byte, err error) {
	s := sorts["route"]
	err = c.Dump(unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func(m rtnl.Message) error {
		if len(m.Body) < unix.SizeofRtMsg || m.Body[0] != unix.AF_INET && m.Body[0] != unix.AF_INET6 {
			return nil
		}
		own := m.Body[5] == unix.RTPROT_KERNEL || m.Body[5] == unix.RTPROT_RA || rtnl.Uint32(m.Body, 8)&unix.RTM_F_CLONED != 0
		if a := rtnl.ParseAttrs(m.Body, s.head); !own && int(a.Uint32(unix.RTA_OIF)) == index {
			routes = append(routes, s.clean(m.Body))
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = c.Dump(unix.RTM_GETADDR, []byte{unix.AF_INET6, 0, 0, 0, 0, 0, 0, 0}, func(m rtnl.Message) error {
		if len(m.Body) < unix.SizeofIfAddrmsg || m.Body[0] != unix.AF_INET6 || int(rtnl.Uint32(m.Body, 4)) != index || m.Body[3] == unix.RT_SCOPE_LINK {
			return nil
		}
		body := append([]byte(nil), m.Body[:unix.SizeofIfAddrmsg]...)
		for _, a := range rtnl.ParseAttrs(m.Body, unix.SizeofIfAddrmsg) {
			if a.Type == unix.IFA_ADDRESS || a.Type == unix.IFA_LOCAL || a.Type == unix.IFA_FLAGS {
				body = rtnl.Append(body, a.Type, a.Data)
			}
		}
		addresses = append(addresses, body)
		return nil
	})
	return routes, addresses, err
}

// WriteLink sets the interface so, and makes what of its routes and addresses
// is missing.
func (n *Network) WriteLink(at op.LinkPlace, want op.Link) error {
	c, index, now, err := n.link(at)
	if err != nil {
		return err
	}
	defer c.Close()
	if now.Up != want.Up || now.MTU != want.MTU {
		body := make([]byte, unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(body[4:], uint32(index))
		binary.NativeEndian.PutUint32(body[12:], unix.IFF_UP) // the flag that is changed
		if want.Up {
			binary.NativeEndian.PutUint32(body[8:], unix.IFF_UP)
		}
		if now.MTU != want.MTU {
			body = rtnl.AppendUint32(body, unix.IFLA_MTU, uint32(want.MTU))
		}
		if err := c.Do(rtnl.Message{Type: unix.RTM_NEWLINK, Flags: unix.NLM_F_ACK, Body: body}); err != nil {
			return fmt.Errorf("cannot set %s: %w", at, err)
		}
	}
	if !want.Up {
		return nil
	}
	again := func(kind uint16, bodies [][]byte) (first error) {
		for _, b := range bodies {
			err := c.Do(rtnl.Message{Type: kind, Flags: unix.NLM_F_CREATE | unix.NLM_F_EXCL | unix.NLM_F_ACK, Body: b})
			if err != nil && !errors.Is(err, unix.EEXIST) && first == nil {
				first = fmt.Errorf("cannot make an address or a route through %s again: %w", at, err)
			}
		}
		return first
	}
	if err := again(unix.RTM_NEWADDR, want.Addresses); err != nil {
		return err
	}
	// A gateway may be reached by a route that comes later.
	if err := again(unix.RTM_NEWROUTE, want.Routes); err == nil {
		return nil
	}
	return again(unix.RTM_NEWROUTE, want.Routes)
}
