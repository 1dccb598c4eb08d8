package op

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// An IssueKubeconfig rebuilds a kubeconfig from the cluster's own PKI: a new
// key, and a client certificate for User in Groups signed by the CA on this
// node. The key is made when the op runs and is in no plan and no snapshot.
type IssueKubeconfig struct {
	Path    string   `json:"path"`
	Pin     string   `json:"pin,omitempty"` // File.Sum of what it replaces
	Cluster string   `json:"cluster"`       // name of the cluster entry
	Server  string   `json:"server"`        // URL
	CACert  string   `json:"caCert"`        // path
	CAKey   string   `json:"caKey"`         // path
	User    string   `json:"user"`          // CN
	Groups  []string `json:"groups"`        // O
	Days    int      `json:"days"`
	// Until ends the certificate before its days are over, and From begins it
	// at another time than now.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Stranger signs with a new authority that has the name of CACert and is
	// not kept anywhere.
	Stranger bool `json:"stranger,omitempty"`
	// KeepContexts keeps the other clusters, users and contexts of the file
	// and replaces only the credentials of Replace.
	Replace string `json:"replace,omitempty"` // name of the users entry
}

// Kind is "issue-kubeconfig".
func (IssueKubeconfig) Kind() string { return "issue-kubeconfig" }

func (i IssueKubeconfig) String() string {
	return fmt.Sprintf("rebuild %s: a new client certificate for %q (%s), signed by %s",
		i.Path, i.User, strings.Join(i.Groups, ", "), i.CACert)
}

// Before keeps the file.
func (i IssueKubeconfig) Before(_ context.Context, m Machine) (State, error) {
	was, err := capture(m, i.Path, i.Pin)
	if err != nil {
		return nil, err
	}
	return keep(was)
}

// Do issues the certificate and writes the file, with the mode and owner it had.
func (i IssueKubeconfig) Do(ctx context.Context, m Machine) error { return i.Make(ctx, m, untold) }

// Make is Do, and tells the sum of what it writes.
func (i IssueKubeconfig) Make(ctx context.Context, m Machine, tell func(any) error) error {
	data, err := m.Issue(ctx, i)
	if err == nil {
		err = tell(fileMade{sum(data)})
	}
	if err != nil {
		return err
	}
	return overwrite(m, i.Path, data, 0o600)
}

// UndoMade puts the old file back.
func (i IssueKubeconfig) UndoMade(_ context.Context, m Machine, before, made State) error {
	return undoFile(m, i.Path, before, made)
}

// Undo puts the old file back, whatever the new one's key was.
func (i IssueKubeconfig) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	return putBack(m, i.Path, was)
}

func currentSum(m Machine, path string) string {
	f, err := m.ReadFile(path)
	if err != nil {
		return ""
	}
	return f.Sum()
}
