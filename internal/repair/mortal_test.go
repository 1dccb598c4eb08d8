package repair

import (
	"context"
	"net/http"

	"github.com/klustered/klustered/op"
)

// A mortal machine may die before and after each change.
type mortal struct {
	op.Machine
	p *points
}

func (m *mortal) do(f func() error) error {
	m.p.hit()
	err := f()
	m.p.hit()
	return err
}

func (m *mortal) WriteFile(p string, f op.File) error {
	return m.do(func() error { return m.Machine.WriteFile(p, f) })
}

func (m *mortal) RemoveFile(p string) error {
	return m.do(func() error { return m.Machine.RemoveFile(p) })
}

func (m *mortal) Poke(p string, data []byte) error {
	return m.do(func() error { return m.Machine.Poke(p, data) })
}

func (m *mortal) WriteFlags(p string, f op.FileFlags) error {
	return m.do(func() error { return m.Machine.WriteFlags(p, f) })
}

func (m *mortal) SignalProcess(p op.Process, stop bool) error {
	return m.do(func() error { return m.Machine.SignalProcess(p, stop) })
}

func (m *mortal) Mount(x op.Mount) error {
	return m.do(func() error { return m.Machine.Mount(x) })
}

func (m *mortal) Unmount(p string) error {
	return m.do(func() error { return m.Machine.Unmount(p) })
}

func (m *mortal) WriteQdisc(q op.Qdisc) error {
	return m.do(func() error { return m.Machine.WriteQdisc(q) })
}

func (m *mortal) RemoveQdisc(at op.QdiscPlace) error {
	return m.do(func() error { return m.Machine.RemoveQdisc(at) })
}

func (m *mortal) WriteFilter(f op.Filter) error {
	return m.do(func() error { return m.Machine.WriteFilter(f) })
}

func (m *mortal) RemoveFilter(at op.FilterPlace) error {
	return m.do(func() error { return m.Machine.RemoveFilter(at) })
}

func (m *mortal) InsertRule(at op.FilterPlace, r op.FilterRule, before []string) error {
	return m.do(func() error { return m.Machine.InsertRule(at, r, before) })
}

func (m *mortal) RemoveRule(at op.FilterPlace, handle uint64) error {
	return m.do(func() error { return m.Machine.RemoveRule(at, handle) })
}

func (m *mortal) WriteRoute(r op.Route) error {
	return m.do(func() error { return m.Machine.WriteRoute(r) })
}

func (m *mortal) RemoveRoute(r op.Route) error {
	return m.do(func() error { return m.Machine.RemoveRoute(r) })
}

func (m *mortal) WriteLink(at op.LinkPlace, l op.Link) error {
	return m.do(func() error { return m.Machine.WriteLink(at, l) })
}

func (m *mortal) WriteGuard(g op.Guard) error {
	return m.do(func() error { return m.Machine.WriteGuard(g) })
}

func (m *mortal) RemoveGuard(name string) error {
	return m.do(func() error { return m.Machine.RemoveGuard(name) })
}

// IssueCertificate changes nothing; what becomes of the keys is the point after.
func (m *mortal) IssueCertificate(ctx context.Context, x op.IssueCertificate) (cert, key []byte, err error) {
	m.p.hit()
	return m.Machine.IssueCertificate(ctx, x)
}

func (m *mortal) StartUnit(ctx context.Context, name string) error {
	return m.do(func() error { return m.Machine.StartUnit(ctx, name) })
}

func (m *mortal) StopUnit(ctx context.Context, name string) error {
	return m.do(func() error { return m.Machine.StopUnit(ctx, name) })
}

func (m *mortal) RestartUnit(ctx context.Context, name string) error {
	return m.do(func() error { return m.Machine.RestartUnit(ctx, name) })
}

func (m *mortal) QueueUnit(ctx context.Context, name string) error {
	return m.do(func() error { return m.Machine.QueueUnit(ctx, name) })
}

func (m *mortal) ReloadUnits(ctx context.Context) error {
	return m.do(func() error { return m.Machine.ReloadUnits(ctx) })
}

func (m *mortal) RestartStatic(ctx context.Context, socket, container string) error {
	return m.do(func() error { return m.Machine.RestartStatic(ctx, socket, container) })
}

func (m *mortal) ReviveStatic(ctx context.Context, socket, container string) error {
	return m.do(func() error { return m.Machine.ReviveStatic(ctx, socket, container) })
}

func (m *mortal) Request(ctx context.Context, method, path, contentType string, body []byte) (status int, answer []byte, err error) {
	if method == http.MethodGet {
		return m.Machine.Request(ctx, method, path, contentType, body)
	}
	err = m.do(func() (failed error) {
		status, answer, failed = m.Machine.Request(ctx, method, path, contentType, body)
		return failed
	})
	return status, answer, err
}

func (m *mortal) SaveSnapshot(ctx context.Context, path, db string) (n int64, err error) {
	err = m.do(func() (failed error) {
		n, failed = m.Machine.SaveSnapshot(ctx, path, db)
		return failed
	})
	return n, err
}

func (m *mortal) Compact(ctx context.Context, revision int64) (n int64, err error) {
	err = m.do(func() (failed error) {
		n, failed = m.Machine.Compact(ctx, revision)
		return failed
	})
	return n, err
}

func (m *mortal) Defragment(ctx context.Context, endpoint string) error {
	return m.do(func() error { return m.Machine.Defragment(ctx, endpoint) })
}

func (m *mortal) SetAlarm(ctx context.Context, a op.Alarm, raised bool) error {
	return m.do(func() error { return m.Machine.SetAlarm(ctx, a, raised) })
}

func (m *mortal) ProveWrite(ctx context.Context) error {
	return m.do(func() error { return m.Machine.ProveWrite(ctx) })
}
