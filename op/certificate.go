package op

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// An IssueCertificate makes a certificate, with a new key, signed by the
// authority on this node. The key is made when the op runs and is in no plan
// and no snapshot.
type IssueCertificate struct {
	Cert    string `json:"cert"`              // path
	CertPin string `json:"certPin,omitempty"` // File.Sum of what it replaces; "" for a file that must not exist
	// Key is the path of the key, which may be that of Cert: both then stand
	// in one file. With "", nobody gets the key.
	Key    string `json:"key,omitempty"`
	KeyPin string `json:"keyPin,omitempty"`
	CACert string `json:"caCert"` // path
	CAKey  string `json:"caKey"`  // path
	// Stranger signs with a new authority that has the name of CACert and is
	// not kept anywhere.
	Stranger bool `json:"stranger,omitempty"`

	Name   string    `json:"name"` // CN
	Groups []string  `json:"groups,omitempty"`
	DNS    []string  `json:"dns,omitempty"`
	IPs    []string  `json:"ips,omitempty"`
	Server bool      `json:"server,omitempty"` // it may be used for a server
	Client bool      `json:"client,omitempty"` // it may be used for a client
	From   time.Time `json:"from,omitzero"`    // zero is now
	Until  time.Time `json:"until,omitzero"`   // zero is a year after From
	Why    string    `json:"why,omitempty"`
}

// A pairState is what the two files were.
type pairState struct {
	Cert fileState `json:"cert"`
	Key  fileState `json:"key,omitzero"`
}

// Kind is "issue-certificate".
func (IssueCertificate) Kind() string { return "issue-certificate" }

func (i IssueCertificate) String() string {
	return fmt.Sprintf("issue %s: a certificate for %q signed by %s, %s", i.Cert,
		i.Name, i.CACert, cmp.Or(i.Why, "with a new key"))
}

// apart reports whether the key has a file of its own.
func (i IssueCertificate) apart() bool { return i.Key != "" && i.Key != i.Cert }

// Before keeps the files.
func (i IssueCertificate) Before(_ context.Context, m Machine) (State, error) {
	var was pairState
	var err error
	if was.Cert, err = capture(m, i.Cert, i.CertPin); err != nil {
		return nil, err
	}
	if i.apart() {
		if was.Key, err = capture(m, i.Key, i.KeyPin); err != nil {
			return nil, err
		}
	}
	return keep(was)
}

// Do issues the certificate and writes it and its key. A file that was there
// keeps its mode and owner.
func (i IssueCertificate) Do(ctx context.Context, m Machine) error { return i.Make(ctx, m, untold) }

// A pairMade is the sums of the two files.
type pairMade struct {
	Cert fileMade `json:"cert,omitzero"`
	Key  fileMade `json:"key,omitzero"`
}

// Make is Do, and tells the sums of what it writes.
func (i IssueCertificate) Make(ctx context.Context, m Machine, tell func(any) error) error {
	cert, key, err := m.IssueCertificate(ctx, i)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if i.Key != "" && !i.apart() {
		cert, mode = append(cert, key...), 0o600
	}
	made := pairMade{Cert: fileMade{sum(cert)}}
	if i.apart() {
		made.Key = fileMade{sum(key)}
	}
	if err := tell(made); err != nil {
		return err
	}
	if i.apart() {
		if err := overwrite(m, i.Key, key, 0o600); err != nil {
			return err
		}
	}
	return overwrite(m, i.Cert, cert, mode)
}

// UndoMade puts the old files back, both or none.
func (i IssueCertificate) UndoMade(_ context.Context, m Machine, before, made State) error {
	was, err := recall[pairState](before)
	if err != nil {
		return err
	}
	left, err := recall[pairMade](made)
	if err != nil {
		return err
	}
	if i.apart() {
		if err := ours(m, i.Cert, left.Cert.left(), was.Cert); err != nil {
			return err
		}
		if err := restore(m, i.Key, left.Key.left(), was.Key); err != nil {
			return err
		}
	}
	return restore(m, i.Cert, left.Cert.left(), was.Cert)
}

// overwrite writes data to path with the attributes that the file has, or a
// mode when there is none. A link, which lets everybody do everything, has none
// to be taken over.
func overwrite(m Machine, path string, data []byte, mode fs.FileMode) error {
	f, err := m.ReadFile(path)
	if err != nil || f.Link != "" {
		f = File{Mode: mode, UID: f.UID, GID: f.GID}
	}
	return m.WriteFile(path, f.with(data))
}

// Undo puts the old files back, whatever the new key was.
func (i IssueCertificate) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[pairState](s)
	if err != nil {
		return err
	}
	if i.apart() {
		if err := putBack(m, i.Key, was.Key); err != nil {
			return err
		}
	}
	return putBack(m, i.Cert, was.Cert)
}

// putBack restores a file whose new content is not known beforehand.
func putBack(m Machine, path string, was fileState) error {
	if was.Absent {
		return restore(m, path, currentSum(m, path), was)
	}
	return m.WriteFile(path, was.File)
}

// A RestartStatic makes the kubelet start a static pod's container anew, so
// that it reads its files again and does not wait out a back-off.
type RestartStatic struct {
	Container string `json:"container"` // its name, such as etcd
	Socket    string `json:"socket"`    // of the runtime
	Why       string `json:"why,omitempty"`
}

// Kind is "restart-static".
func (RestartStatic) Kind() string { return "restart-static" }

func (r RestartStatic) String() string {
	return strings.TrimSuffix(fmt.Sprintf("restart the static pod's container %s: %s", r.Container, r.Why), ": ")
}

// Before keeps nothing.
func (RestartStatic) Before(context.Context, Machine) (State, error) { return keep(nil) }

// Do restarts.
func (r RestartStatic) Do(ctx context.Context, m Machine) error {
	return m.RestartStatic(ctx, r.Socket, r.Container)
}

// Late is 2: the files that it reads come first.
func (RestartStatic) Late(State) int { return 2 }

// Undo restarts again, with the files as they were.
func (r RestartStatic) Undo(ctx context.Context, m Machine, _ State) error {
	return m.RestartStatic(ctx, r.Socket, r.Container)
}
