// Package network changes the queueing disciplines of the node and its pods
// and guards the node's ports. It implements op.Network over rtnetlink and
// nfnetlink.
package network

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/op"
)

// A Network is the live node's network.
type Network struct {
	host string // where the host's network namespace can be entered
}

var _ op.Network = (*Network)(nil)

// New returns the network of the node that this process runs on: that of
// process 1, or, when it cannot be seen, of this process.
func New() *Network {
	if _, err := rtnl.Inode("/proc/1/ns/net"); err == nil {
		return At("/proc/1/ns/net")
	}
	return At("/proc/self/ns/net")
}

// At returns the network whose host namespace is at path.
func At(path string) *Network { return &Network{host: path} }

// namespace returns where the namespace with that inode can be entered; 0 is
// the host's. One that is gone is fs.ErrNotExist.
func (n *Network) namespace(inode uint64) (string, error) {
	if inode == 0 {
		return n.host, nil
	}
	for _, pattern := range []string{"/proc/[0-9]*/ns/net", "/run/netns/*", "/proc/self/task/*/ns/net"} {
		paths, _ := filepath.Glob(pattern)
		for _, p := range paths {
			if got, err := rtnl.Inode(p); err == nil && got == inode {
				return p, nil
			}
		}
	}
	return "", fmt.Errorf("cannot find the network namespace %d: %w", inode, fs.ErrNotExist)
}

// dial opens a socket of family in the namespace with that inode; 0 is the
// host's.
func (n *Network) dial(inode uint64, family int) (*rtnl.Conn, error) {
	path, err := n.namespace(inode)
	if err != nil {
		return nil, err
	}
	return dialAt(path, inode, family)
}

// dialAt opens a socket in the namespace at path, if that is the one with that
// inode still: a process may have ended, and its number be another's, since it
// was looked for.
func dialAt(path string, inode uint64, family int) (*rtnl.Conn, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the network namespace %s: %w", path, err)
	}
	defer f.Close()
	held := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	now, err := rtnl.Inode(held)
	if err != nil {
		return nil, err
	}
	if inode != 0 && now != inode {
		return nil, fmt.Errorf("cannot find the network namespace %d: %w", inode, fs.ErrNotExist)
	}
	return rtnl.DialIn(held, family)
}

// at opens a socket in the namespace of a place and finds its interface. An
// interface that is gone is fs.ErrNotExist.
func (n *Network) at(p op.QdiscPlace) (c *rtnl.Conn, index int, parent uint32, err error) {
	if parent, err = rtnl.ParseHandle(p.Parent); err != nil {
		return nil, 0, 0, err
	}
	if c, err = n.dial(p.NetNS, unix.NETLINK_ROUTE); err != nil {
		return nil, 0, 0, err
	}
	if index, err = linkIndex(c, p.Link); err == nil && index == 0 {
		err = fmt.Errorf("cannot find the interface %s: %w", p, fs.ErrNotExist)
	}
	if err != nil {
		c.Close()
		return nil, 0, 0, err
	}
	return c, index, parent, nil
}

func linkIndex(c *rtnl.Conn, name string) (index int, err error) {
	err = c.Dump(unix.RTM_GETLINK, make([]byte, unix.SizeofIfInfomsg), func(m rtnl.Message) error {
		if rtnl.ParseAttrs(m.Body, unix.SizeofIfInfomsg).Text(unix.IFLA_IFNAME) == name {
			index = int(rtnl.Uint32(m.Body, 4))
		}
		return nil
	})
	return index, err
}

func hostFD(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the host's network namespace: %w", err)
	}
	return f, nil
}
