package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/lab/node"
	"github.com/klustered/klustered/lab/oracle"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A Hand is how a drill reads and changes a node: klustered's own transport,
// handed in by the command line.
type Hand interface {
	// Collect reads the node.
	Collect(ctx context.Context, n *node.Node) (*snapshot.Snapshot, error)
	// Apply makes the plan's changes on the node and returns the journal,
	// which is not left there.
	Apply(ctx context.Context, n *node.Node, p op.Plan) (journal []byte, err error)
	// Undo takes back what the journal says.
	Undo(ctx context.Context, n *node.Node, journal []byte) error
}

// A Room is a running lab with what a drill needs to work on it.
type Room struct {
	Lab    string
	Nodes  oracle.Cluster
	Hand   Hand
	Faults []*fault.Fault
	Dir    string // where sessions are kept, outside the lab
}

// ErrNone means that no drill is running.
var ErrNone = errors.New("no drill has been started")

// A Session is a drill in progress, kept on the host, out of the solver's sight.
type Session struct {
	Lab     string            `json:"lab"`
	Drill   string            `json:"drill"`
	Seed    uint64            `json:"seed"`
	Fault   string            `json:"fault"`
	Node    string            `json:"node"`
	Started time.Time         `json:"started"`
	Solved  time.Time         `json:"solved,omitzero"` // when the oracles first passed
	Hints   int               `json:"hints"`           // given so far
	Plan    op.Plan           `json:"plan"`
	Journal []byte            `json:"journal"`
	Before  map[string]string `json:"before"` // fingerprints of what must not change
}

func (r *Room) file() string { return filepath.Join(r.Dir, r.Lab+".json") }

// Load returns the session of this lab, or [ErrNone].
func (r *Room) Load() (*Session, error) {
	data, err := os.ReadFile(r.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	var s Session
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("cannot read the drill's state %s: %w", r.file(), err)
	}
	return &s, nil
}

// Forget ends the session.
func (r *Room) Forget() error {
	if err := os.Remove(r.file()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (r *Room) save(s *Session) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	tmp := r.file() + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, r.file())
}

func (r *Room) node(name string) (*node.Node, error) {
	for _, n := range r.Nodes {
		if n.Name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("cannot find node %q in lab %q", name, r.Lab)
}

func (r *Room) fault(id string) (*fault.Fault, error) {
	for _, f := range r.Faults {
		if f.ID == id {
			return f, nil
		}
	}
	return nil, fmt.Errorf("cannot find fault %q", id)
}
