package netlink

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/guard/halt"
	"github.com/klustered/klustered/internal/rtnl"
)

// A Conn hears of the changes of one family in one network namespace.
type Conn struct {
	halt.Halt
	fd     int
	family int
	buf    []byte
	reader reader
}

// routeGroups are links, qdiscs, and addresses, routes and rules of both
// families.
var routeGroups = []int{unix.RTNLGRP_LINK, unix.RTNLGRP_TC, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE}

// Route hears of links, addresses, routes, rules and qdiscs in the network
// namespace at path; "" is this one.
func Route(path string) (*Conn, error) {
	c, err := dial(path, unix.NETLINK_ROUTE, routeGroups)
	if err != nil {
		return nil, err
	}
	known, err := rtnl.DialIn(path, unix.NETLINK_ROUTE)
	if err == nil {
		defer known.Close()
		err = known.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(m rtnl.Message) error {
			c.reader.link(m)
			return nil
		})
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Netfilter hears of the packet filter of nftables, and of iptables where that
// is made of it.
func Netfilter(path string) (*Conn, error) {
	return dial(path, unix.NETLINK_NETFILTER, []int{unix.NFNLGRP_NFTABLES})
}

func dial(path string, family int, groups []int) (*Conn, error) {
	c := &Conn{family: family, buf: make([]byte, 32<<10), reader: reader{links: map[int]link{}}}
	var err error
	if c.Halt, err = halt.New(); err != nil {
		return nil, err
	}
	err = rtnl.In(path, func() (err error) {
		c.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, family)
		return err
	})
	if err != nil {
		c.Halt.Close()
		return nil, fmt.Errorf("cannot open a netlink socket: %w", err)
	}
	const room = 4 << 20 // a ruleset of some thousand rules comes at once
	if unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
		unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, room)
	}
	err = unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	for _, g := range groups {
		if err == nil {
			err = unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g)
		}
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("cannot hear of the network: %w", err)
	}
	return c, nil
}

// Close stops and closes the connection, which is not read any more.
func (c *Conn) Close() error { return errors.Join(c.Halt.Close(), unix.Close(c.fd)) }

// Read waits for changes. Lost reports that the kernel had to drop some.
func (c *Conn) Read() (all []Event, lost bool, err error) {
	for {
		if err := c.Wait(c.fd); err != nil {
			return nil, lost, err
		}
		n, from, err := unix.Recvfrom(c.fd, c.buf, 0)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			lost = true
			c.reader.lose()
			continue
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, lost, fmt.Errorf("cannot hear of the network: %w", err)
		}
		if x, ok := from.(*unix.SockaddrNetlink); !ok || x.Pid != 0 {
			continue
		}
		if c.family == unix.NETLINK_ROUTE {
			return c.reader.route(c.buf[:n]), lost, nil
		}
		return c.reader.netfilter(c.buf[:n]), lost, nil
	}
}
