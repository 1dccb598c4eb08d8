package op

import (
	"context"
	"fmt"
)

// A Splice replaces some bytes of a file whose content is in no plan, since it
// may hold secrets.
type Splice struct {
	Path   string `json:"path"`
	Pin    string `json:"pin"`
	Offset int    `json:"offset"` // from 0
	Remove int    `json:"remove,omitempty"`
	Insert []byte `json:"insert,omitempty"`
	Why    string `json:"why,omitempty"`
}

// Kind is "splice".
func (Splice) Kind() string { return "splice" }

func (x Splice) String() string {
	return fmt.Sprintf("change byte %d of %s: %s", x.Offset, x.Path, x.Why)
}

// Before keeps the file.
func (x Splice) Before(_ context.Context, m Machine) (State, error) {
	was, err := capture(m, x.Path, x.Pin)
	if err != nil {
		return nil, err
	}
	if _, err := x.apply(was.File.Data); err != nil {
		return nil, err
	}
	return keep(was)
}

// apply returns the changed bytes.
func (x Splice) apply(data []byte) ([]byte, error) {
	if x.Offset < 0 || x.Remove < 0 || x.Offset+x.Remove > len(data) {
		return nil, fmt.Errorf("cannot change %s: it has no bytes %d to %d", x.Path, x.Offset, x.Offset+x.Remove)
	}
	out := append([]byte(nil), data[:x.Offset]...)
	out = append(out, x.Insert...)
	return append(out, data[x.Offset+x.Remove:]...), nil
}

// Do changes the bytes, unless that is done.
func (x Splice) Do(_ context.Context, m Machine) error {
	f, err := m.ReadFile(x.Path)
	if err != nil || f.Sum() != x.Pin {
		return err
	}
	data, err := x.apply(f.Data)
	if err != nil {
		return err
	}
	return m.WriteFile(x.Path, f.with(data))
}

// Undo puts the old bytes back.
func (x Splice) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	data, err := x.apply(was.File.Data)
	if err != nil {
		return err
	}
	return restore(m, x.Path, File{Data: data}.Sum(), was)
}

// A PublishKey adds the public half of a private key to a file of public keys,
// or makes that file.
type PublishKey struct {
	Key  string `json:"key"`  // path of the private key
	Path string `json:"path"` // of the public keys
	Pin  string `json:"pin,omitempty"`
	// Fresh says that what the file holds is not kept.
	Fresh bool `json:"fresh,omitempty"`
}

// Kind is "publish-key".
func (PublishKey) Kind() string { return "publish-key" }

func (p PublishKey) String() string {
	if p.Fresh {
		return fmt.Sprintf("make %s anew: the public half of %s", p.Path, p.Key)
	}
	return fmt.Sprintf("add the public half of %s to %s", p.Key, p.Path)
}

// Before keeps the file of public keys.
func (p PublishKey) Before(_ context.Context, m Machine) (State, error) {
	was, err := capture(m, p.Path, p.Pin)
	if err != nil {
		return nil, err
	}
	return keep(was)
}

// Do writes the file, unless that is done.
func (p PublishKey) Do(ctx context.Context, m Machine) error { return p.Make(ctx, m, untold) }

// UndoMade puts the old file back.
func (p PublishKey) UndoMade(_ context.Context, m Machine, before, made State) error {
	return undoFile(m, p.Path, before, made)
}

// Make is Do, and tells the sum of what it writes.
func (p PublishKey) Make(_ context.Context, m Machine, tell func(any) error) error {
	private, err := m.ReadFile(p.Key)
	if err != nil {
		return err
	}
	public, err := publicPEM(private.Data)
	if err != nil {
		return fmt.Errorf("cannot use the key %s: %w", p.Key, err)
	}
	f, err := m.ReadFile(p.Path)
	switch {
	case err != nil && p.Pin != "":
		return err
	case err != nil:
		f = File{Mode: 0o600, UID: private.UID, GID: private.GID}
	case f.Sum() != p.Pin:
		return nil
	}
	data := f.Data
	if p.Fresh {
		data = nil
	}
	if n := len(data); n > 0 && data[n-1] != '\n' {
		data = append(data, '\n')
	}
	data = append(data, public...)
	if err := tell(fileMade{sum(data)}); err != nil {
		return err
	}
	return m.WriteFile(p.Path, f.with(data))
}

// Undo puts the old file back.
func (p PublishKey) Undo(_ context.Context, m Machine, s State) error {
	was, err := recall[fileState](s)
	if err != nil {
		return err
	}
	return putBack(m, p.Path, was)
}
