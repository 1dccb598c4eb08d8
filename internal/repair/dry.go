package repair

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/klustered/klustered/op"
)

// A dry machine is a live one that is asked and never changed: what would be
// changed is counted, and files are read as they would be.
type dry struct {
	op.Machine
	acts  int                 // changes that would have been made
	files map[string]*op.File // as they would be; nil for one that would be gone
}

func (d *dry) act() error {
	d.acts++
	return nil
}

// ReadFile reads what would be there.
func (d *dry) ReadFile(path string) (op.File, error) {
	f, ok := d.files[path]
	switch {
	case !ok:
		return d.Machine.ReadFile(path)
	case f == nil:
		return op.File{}, fmt.Errorf("cannot read %s: %w", path, fs.ErrNotExist)
	}
	return *f, nil
}

// WriteFile notes the file, unless it is so already.
func (d *dry) WriteFile(path string, f op.File) error {
	if now, err := d.ReadFile(path); err == nil && now.Sum() == f.Sum() && now.Mode == f.Mode && now.UID == f.UID && now.GID == f.GID {
		return nil
	}
	d.files[path] = &f
	return d.act()
}

// RemoveFile notes that the file would be gone.
func (d *dry) RemoveFile(path string) error {
	if _, err := d.ReadFile(path); err != nil {
		return err
	}
	d.files[path] = nil
	return d.act()
}

// Request asks the API server what changes nothing, and counts the rest.
func (d *dry) Request(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	if method == "GET" {
		return d.Machine.Request(ctx, method, path, contentType, body)
	}
	return 200, body, d.act()
}

// ReloadUnits is no change: systemd reads what is there.
func (d *dry) ReloadUnits(context.Context) error { return nil }

// All others are counted alone.

func (d *dry) Poke(string, []byte) error                                { return d.act() }
func (d *dry) WriteFlags(string, op.FileFlags) error                    { return d.act() }
func (d *dry) StartUnit(context.Context, string) error                  { return d.act() }
func (d *dry) StopUnit(context.Context, string) error                   { return d.act() }
func (d *dry) RestartUnit(context.Context, string) error                { return d.act() }
func (d *dry) QueueUnit(context.Context, string) error                  { return d.act() }
func (d *dry) SignalProcess(op.Process, bool) error                     { return d.act() }
func (d *dry) Mount(op.Mount) error                                     { return d.act() }
func (d *dry) Unmount(string) error                                     { return d.act() }
func (d *dry) WriteFilter(op.Filter) error                              { return d.act() }
func (d *dry) RemoveFilter(op.FilterPlace) error                        { return d.act() }
func (d *dry) InsertRule(op.FilterPlace, op.FilterRule, []string) error { return d.act() }
func (d *dry) RemoveRule(op.FilterPlace, uint64) error                  { return d.act() }
func (d *dry) WriteRoute(op.Route) error                                { return d.act() }
func (d *dry) RemoveRoute(op.Route) error                               { return d.act() }
func (d *dry) WriteLink(op.LinkPlace, op.Link) error                    { return d.act() }
func (d *dry) WriteQdisc(op.Qdisc) error                                { return d.act() }
func (d *dry) RemoveQdisc(op.QdiscPlace) error                          { return d.act() }
func (d *dry) WriteGuard(op.Guard) error                                { return d.act() }
func (d *dry) RemoveGuard(string) error                                 { return d.act() }
func (d *dry) Defragment(context.Context, string) error                 { return d.act() }
func (d *dry) SetAlarm(context.Context, op.Alarm, bool) error           { return d.act() }
func (d *dry) ProveWrite(context.Context) error                         { return d.act() }
func (d *dry) RemoveMember(context.Context, op.EtcdMember) error        { return d.act() }
func (d *dry) RestartStatic(context.Context, string, string) error      { return d.act() }
func (d *dry) ReviveStatic(context.Context, string, string) error       { return d.act() }

func (d *dry) SaveSnapshot(context.Context, string, string) (int64, error) { return 0, d.act() }
func (d *dry) Compact(context.Context, int64) (int64, error)               { return 0, d.act() }
func (d *dry) Issue(context.Context, op.IssueKubeconfig) ([]byte, error)   { return nil, d.act() }
func (d *dry) IssueCertificate(context.Context, op.IssueCertificate) (cert, key []byte, err error) {
	return nil, nil, d.act()
}
