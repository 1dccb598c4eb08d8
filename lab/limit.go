package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	inotifyLimit = "proc/sys/fs/inotify/max_user_instances"
	// inotifyNode is how many inotify instances the programs of one node hold; without
	// enough of them its systemd gives up at once.
	inotifyNode = 22
)

// enoughInotify refuses a lab that the host's kernel would not let live. The limit is
// the host's own, so it is for its owner to raise. root is "/" but in tests.
func enoughInotify(root string, nodes int) error {
	data, err := os.ReadFile(filepath.Join(root, inotifyLimit))
	if err != nil {
		return nil
	}
	limit, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return nil
	}
	used, need := inotifyUsed(root), nodes*inotifyNode
	if used+need <= limit {
		return nil
	}
	return &Error{
		fmt.Errorf("cannot boot %d nodes: they need about %d inotify instances, and the host has %d of %d left",
			nodes, need, max(limit-used, 0), limit),
		fmt.Sprintf("run `sysctl fs.inotify.max_user_instances=%d`, or `klustered lab down` for a lab that is not needed", max(1024, 2*(used+need))),
	}
}

// inotifyUsed counts the inotify instances that processes hold.
func inotifyUsed(root string) int {
	links, err := filepath.Glob(filepath.Join(root, "proc/[0-9]*/fd/*"))
	if err != nil {
		return 0
	}
	used := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == "anon_inode:inotify" {
			used++
		}
	}
	return used
}
