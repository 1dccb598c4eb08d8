package op

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"time"
)

// A Machine is what Ops change. Live, it is the node; in the laws, a folder
// with a small simulation beside it.
type Machine interface {
	Files
	Units
	Processes
	Mounts
	Network
	Kube
	Etcd
	// Issue makes a kubeconfig with a new key and a client certificate signed
	// by the CA key on this node. The key leaves no other trace.
	Issue(ctx context.Context, x IssueKubeconfig) ([]byte, error)
	// IssueCertificate makes a certificate and its key, in PEM, signed by the
	// CA key on this node.
	IssueCertificate(ctx context.Context, x IssueCertificate) (cert, key []byte, err error)
	// RestartStatic removes the containers of that name from the static pods
	// that the runtime behind the socket runs. The kubelet starts them again
	// at once; it is not waited for.
	RestartStatic(ctx context.Context, socket, container string) error
	// ReviveStatic removes those that have ended, unless one runs. The kubelet
	// waits before it starts one again that is there.
	ReviveStatic(ctx context.Context, socket, container string) error
}

// A File is a file's content and everything about it that Undo puts back.
type File struct {
	Data      []byte            `json:"data,omitempty"`
	Link      string            `json:"link,omitempty"` // target: the file is a symbolic link
	Mode      fs.FileMode       `json:"mode"`           // permission, set-id and sticky bits
	UID       int               `json:"uid"`
	GID       int               `json:"gid"`
	Xattrs    map[string][]byte `json:"xattrs,omitempty"`
	Immutable bool              `json:"immutable,omitempty"` // chattr +i
	Append    bool              `json:"append,omitempty"`    // chattr +a
	Modified  time.Time         `json:"modified,omitzero"`
}

// with is the file with another content, of which the time is now: cron, and
// who else looks at the time alone, is to see that it changed.
func (f File) with(data []byte) File {
	f.Data, f.Link, f.Modified = data, "", time.Time{}
	return f
}

// Sum is the pin of a file's content: hex SHA-256, or that of the link.
func (f File) Sum() string {
	data := f.Data
	if f.Link != "" {
		data = []byte("link:" + f.Link)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// same reports whether all of two files is the same.
func (f File) same(g File) bool {
	return f.Sum() == g.Sum() && f.Link == g.Link && f.Mode == g.Mode && f.UID == g.UID && f.GID == g.GID && maps.EqualFunc(f.Xattrs, g.Xattrs, bytes.Equal) &&
		f.Immutable == g.Immutable && f.Append == g.Append && f.Modified.Equal(g.Modified)
}

// Files are the node's files.
type Files interface {
	// ReadFile does not follow a symbolic link at path. A missing file is
	// fs.ErrNotExist.
	ReadFile(path string) (File, error)
	// WriteFile replaces the file at once, through a temporary whose name
	// begins with a dot, with all attributes of f. An immutable bit on what
	// it replaces is lifted first. Missing folders are made, 0755.
	WriteFile(path string, f File) error
	// RemoveFile removes a file, a link or an empty folder.
	RemoveFile(path string) error
	// Poke writes to a file of /proc or /sys, in place.
	Poke(path string, data []byte) error
	// ReadFlags returns the flags of a file or a folder, none where its file
	// system has none.
	ReadFlags(path string) (FileFlags, error)
	// WriteFlags sets these flags and no other.
	WriteFlags(path string, f FileFlags) error
	// MissingDirs are the folders above path that do not exist, outermost first.
	MissingDirs(path string) ([]string, error)
}

// Units are systemd's units.
type Units interface {
	// UnitActive is the ActiveState: active, reloading, activating,
	// deactivating, inactive, failed, or "" for a unit that is not known.
	UnitActive(ctx context.Context, name string) (string, error)
	// StartUnit, StopUnit and RestartUnit wait for their job to end.
	StartUnit(ctx context.Context, name string) error
	StopUnit(ctx context.Context, name string) error
	RestartUnit(ctx context.Context, name string) error
	// QueueUnit has systemd restart the unit, and does not wait for it.
	QueueUnit(ctx context.Context, name string) error
	// ReloadUnits makes systemd read its files again.
	ReloadUnits(ctx context.Context) error
}

// Network is the node's qdiscs, packet filter, routes and the guards of its
// ports.
type Network interface {
	Filters
	Routes
	// ReadQdisc returns the qdisc at that place, or false.
	ReadQdisc(at QdiscPlace) (Qdisc, bool, error)
	// WriteQdisc makes q, replacing what is there.
	WriteQdisc(q Qdisc) error
	// RemoveQdisc removes the qdisc; the kernel puts its default there.
	RemoveQdisc(at QdiscPlace) error
	// ReadGuard returns the guard of that name, or false.
	ReadGuard(name string) (Guard, bool, error)
	WriteGuard(g Guard) error
	RemoveGuard(name string) error
}

// A QdiscPlace is where a qdisc stands.
type QdiscPlace struct {
	NetNS  uint64 `json:"netns,omitempty"` // inode of the network namespace; 0 is the host's
	Pod    string `json:"pod,omitempty"`   // namespace/name, to say it
	Link   string `json:"link"`
	Parent string `json:"parent"` // "root", "ingress" or "1:2"
}

func (p QdiscPlace) String() string {
	if p.Pod != "" {
		return p.Link + " of pod " + p.Pod
	}
	return p.Link
}

// A Qdisc is a queueing discipline to make. Raw, the kernel's TCA_OPTIONS,
// wins over the figures when it is there.
type Qdisc struct {
	QdiscPlace
	Kind       string  `json:"kind"`
	Handle     string  `json:"handle,omitempty"`
	DelayUs    uint64  `json:"delayUs,omitempty"`
	JitterUs   uint64  `json:"jitterUs,omitempty"`
	LossPct    float64 `json:"lossPct,omitempty"`
	RateBps    uint64  `json:"rateBps,omitempty"` // bits a second
	BurstBytes uint64  `json:"burstBytes,omitempty"`
	LimitBytes uint64  `json:"limitBytes,omitempty"`
	Raw        []byte  `json:"raw,omitempty"`
}

// A Guard is a netfilter table of klustered's own that lets only certain
// addresses reach certain ports of this node.
type Guard struct {
	Name  string      `json:"name"` // of the table, such as klustered-etcd
	Ports []GuardPort `json:"ports"`
	// Expires, when not zero, is the dead-man: the kernel forgets the guard
	// after that time, whatever becomes of us, unless it is written again
	// without.
	Expires time.Duration `json:"expires,omitempty"`
}

// A GuardPort lets Allow, and the loopback interface, reach Port.
type GuardPort struct {
	Port  int      `json:"port"`
	Allow []string `json:"allow"` // addresses
}

// Kube is the API server.
type Kube interface {
	// Request sends body to path and returns the answer's status and body.
	// An error means that no answer came.
	Request(ctx context.Context, method, path, contentType string, body []byte) (status int, answer []byte, err error)
}

// Etcd is the etcd member of this node.
type Etcd interface {
	// SnapshotRoom is [ErrNoRoom] where the file system of path has not room
	// enough for a snapshot of the member, or for a copy of its data file db.
	SnapshotRoom(ctx context.Context, path, db string) error
	// SaveSnapshot streams a snapshot to path, 0600, or copies the data file
	// db, where that is not "", and returns its size in bytes. It fails with
	// [ErrNoRoom] before it writes, and leaves nothing where the hash, or the
	// revision, is wrong.
	SaveSnapshot(ctx context.Context, path, db string) (int64, error)
	// KeepQuorum is an error unless more than half of the members that vote
	// answer beside the one at endpoint, "" being the node's own. Those that
	// do not yet are waited for.
	KeepQuorum(ctx context.Context, endpoint string) error
	// Compact drops history up to revision; 0 is the current one. It returns
	// the revision.
	Compact(ctx context.Context, revision int64) (int64, error)
	// Defragment rewrites the file of the member at endpoint, a URL, or of the
	// node's own where it is "", blocking it meanwhile.
	Defragment(ctx context.Context, endpoint string) error
	// Alarms lists raised alarms.
	Alarms(ctx context.Context) ([]Alarm, error)
	// SetAlarm raises or disarms one.
	SetAlarm(ctx context.Context, a Alarm, raised bool) error
	// Members is etcd's list of members, as they agree on it.
	Members(ctx context.Context) ([]EtcdMember, error)
	// RemoveMember takes a member off the list, for good. It refuses one that
	// may live, and one without which the others are not enough. One that is not
	// on the list is no error.
	RemoveMember(ctx context.Context, x EtcdMember) error
	// ProveWrite puts a key of klustered's own and deletes it.
	ProveWrite(ctx context.Context) error
}

// An Alarm is an alarm of an etcd member.
type Alarm struct {
	Member string `json:"member"` // hex
	Kind   string `json:"kind"`   // NOSPACE or CORRUPT
}
