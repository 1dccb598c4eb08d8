package socket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
)

// From linux/unix_diag.h.
const (
	unixReqLen    = 24 // struct unix_diag_req
	unixMsgLen    = 16 // struct unix_diag_msg
	unixShowQueue = 0x10
	unixQueue     = 4 // UNIX_DIAG_RQLEN
)

// unixQueues returns, of each listening Unix socket, how many connections wait
// and how many may.
func unixQueues() (map[uint64][2]uint32, error) {
	c, err := rtnl.Dial(unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	body := make([]byte, unixReqLen)
	body[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(body[4:], 1<<stateListen)
	binary.NativeEndian.PutUint32(body[12:], unixShowQueue)
	out := map[uint64][2]uint32{}
	err = c.Dump(byFamily, body, func(m rtnl.Message) error {
		if inode, q, ok := parseUnixDiag(m.Body); ok && len(out) < maxSockets {
			out[inode] = q
		}
		return nil
	})
	return out, err
}

// parseUnixDiag reads struct unix_diag_msg and the attribute of the queue.
func parseUnixDiag(b []byte) (inode uint64, queue [2]uint32, ok bool) {
	if len(b) < unixMsgLen || b[0] != unix.AF_UNIX {
		return 0, queue, false
	}
	q := rtnl.ParseAttrs(b, unixMsgLen).Get(unixQueue)
	return uint64(rtnl.Uint32(b, 4)), [2]uint32{rtnl.Uint32(q, 0), rtnl.Uint32(q, 4)}, len(q) >= 8
}
