package host

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// ParseMountinfo reads the lines of /proc/PID/mountinfo, described in
// proc_pid_mountinfo(5).
func ParseMountinfo(data []byte) []snapshot.Mount {
	var out []snapshot.Mount
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		left, right, ok := strings.Cut(line, " - ")
		l, r := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 6 || len(r) < 2 {
			continue
		}
		m := snapshot.Mount{
			Device: l[2], Root: unescape(l[3]), Target: unescape(l[4]), Options: l[5],
			FSType: r[0], Source: unescape(r[1]), Line: n, Propagation: strings.Join(l[6:], " "),
		}
		m.ID, _ = strconv.Atoi(l[0])
		m.Parent, _ = strconv.Atoi(l[1])
		if len(r) > 2 {
			m.Options += "," + r[2]
		}
		m.ReadOnly = hasOption(m.Options, "ro")
		out = append(out, m)
	}
	return out
}

func hasOption(list, want string) bool {
	for x := range strings.SplitSeq(list, ",") {
		if x == want {
			return true
		}
	}
	return false
}

// unescape replaces the octal escapes of blanks and backslashes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return strings.ToValidUTF8(s, "?")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "?")
}

// pseudo are file systems that have no size, or that a look would mount.
var pseudo = map[string]bool{
	"proc": true, "sysfs": true, "cgroup": true, "cgroup2": true, "devpts": true, "mqueue": true, "bpf": true,
	"tracefs": true, "debugfs": true, "securityfs": true, "nsfs": true, "autofs": true, "pstore": true,
	"configfs": true, "fusectl": true, "hugetlbfs": true, "binfmt_misc": true, "rpc_pipefs": true, "efivarfs": true,
}

// statWait is how long statfs(2) of one mount may take: a server that is gone
// never answers.
const statWait = 400 * time.Millisecond

// An answer is that of statfs(2) for the mount of that index.
type answer struct {
	index int
	st    unix.Statfs_t
	err   error
}

// measure fills in sizes, each file system asked once. One that does not
// answer is a gap.
func measure(ctx context.Context, e *source.Env, mounts []snapshot.Mount) {
	asked := map[string]int{} // device to the index that is asked
	for i, m := range mounts {
		if _, ok := asked[m.Device]; !ok && !pseudo[m.FSType] {
			asked[m.Device] = i
		}
	}
	answers := make(chan answer, len(asked))
	for _, i := range asked {
		go func() {
			a := answer{index: i}
			a.err = unix.Statfs(mounts[i].Target, &a.st)
			answers <- a
		}()
	}
	limit := time.After(statWait)
	late := map[int]bool{}
	for _, i := range asked {
		late[i] = true
	}
	got := map[string]unix.Statfs_t{}
	for range asked {
		select {
		case a := <-answers:
			delete(late, a.index)
			if a.err == nil {
				got[mounts[a.index].Device] = a.st
			}
			continue
		case <-limit:
		case <-ctx.Done():
		}
		break
	}
	for i := range late {
		e.Gap(snapshot.SectionHost, mounts[i].Target, fmt.Errorf("cannot measure %s: no answer within %s", mounts[i].Target, statWait))
	}
	for i := range mounts {
		st, ok := got[mounts[i].Device]
		if !ok {
			continue
		}
		size := uint64(st.Bsize)
		mounts[i].Total, mounts[i].Free = st.Blocks*size, st.Bavail*size
		mounts[i].Inodes, mounts[i].IFree = st.Files, st.Ffree
		if st.Bfree > st.Bavail {
			mounts[i].Reserved = (st.Bfree - st.Bavail) * size
		}
	}
}
