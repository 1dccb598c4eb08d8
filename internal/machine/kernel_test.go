package machine

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/internal/rtnl/rtnltest"
	"github.com/klustered/klustered/op"
)

// kernel is a machine of which only what the kernel keeps is real.
type kernel struct {
	rest
	*Files
	Processes
	Mounts
}

// rest is what is never called.
type rest struct{ op.Machine }

// doUndo does an op twice, looks, and undoes it twice.
func doUndo(t *testing.T, m op.Machine, o op.Op, look func(), after func()) {
	t.Helper()
	s, err := o.Before(t.Context(), m)
	for range 2 {
		if err == nil {
			err = o.Do(t.Context(), m)
		}
	}
	if err != nil {
		t.Fatalf("%s: %v", o, err)
	}
	look()
	for range 2 {
		if err := o.Undo(t.Context(), m, s); err != nil {
			t.Fatalf("undo of %s: %v", o, err)
		}
	}
	after()
}

func TestSysctl(t *testing.T) {
	ns, m := rtnltest.New(t), kernel{Files: &Files{}}
	err := rtnl.In(ns, func() error {
		const name = "net.ipv4.ip_local_port_range"
		path := op.Sysctl{Name: name}.Path()
		was, err := m.ReadFile(path)
		if err != nil {
			return err
		}
		want := func(v string) func() {
			return func() {
				if f, _ := m.ReadFile(path); string(f.Data) != v {
					t.Errorf("it is %q, want %q", f.Data, v)
				}
			}
		}
		doUndo(t, m, op.Sysctl{Name: name, Old: string(was.Data), New: "40000 50000"}, want("40000\t50000\n"), want(string(was.Data)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSignal(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	m := kernel{}
	p, stopped, err := m.ReadProcess(cmd.Process.Pid)
	if err != nil || stopped || p.Start == 0 || p.Exe == "" {
		t.Fatalf("%+v, %v, %v", p, stopped, err)
	}
	state := func(want bool) func() {
		return func() {
			for range 500 { // a signal takes a moment
				if _, got, _ := m.ReadProcess(p.PID); got == want {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("stopped is not %v", want)
		}
	}
	doUndo(t, m, op.Signal{Process: p, Stop: true}, state(true), state(false))
	other := p
	other.Start++
	if err := m.SignalProcess(other, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another process: %v", err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	if _, _, err := m.ReadProcess(p.PID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process that is gone: %v", err)
	}
	if err := m.SignalProcess(p, true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a signal to a process that is gone: %v", err)
	}
}

func TestMounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	runtime.LockOSThread() // never unlocked: the thread and its mounts end with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skip(err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Skip(err)
	}
	m, dir, other := kernel{}, t.TempDir(), t.TempDir()
	if err := os.WriteFile(other+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list := func() []op.Mount { // of this thread: a process has one list for each
		data, err := os.ReadFile("/proc/thread-self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return MountsAt(string(data), dir)
	}
	tmpfs := op.Mount{Path: dir, Type: "tmpfs", Source: "store", Options: "rw,nosuid,size=1024k"}
	if err := m.Mount(tmpfs); err != nil {
		t.Fatal(err)
	}
	made := list()
	if len(made) != 1 || made[0].Source != "store" || made[0].Root != "/" {
		t.Fatalf("made %+v", made)
	}
	if err := m.Unmount(dir); err != nil || len(list()) != 0 {
		t.Fatal(err, list())
	}
	if err := m.Mount(made[0]); err != nil || !reflect.DeepEqual(list(), made) {
		t.Errorf("again: %v, %+v, want %+v", err, list(), made)
	}
	if err := m.Mount(op.Mount{Path: dir, Type: "bind", Source: other}); err != nil || len(list()) != 2 {
		t.Fatal(err, list())
	}
	if _, err := os.Lstat(dir + "/file"); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := m.Unmount(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestFileAttrOfAFolder(t *testing.T) {
	m := kernel{Files: &Files{Root: t.TempDir()}}
	if err := m.makeDirs("/a/b"); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFlags("/a", op.FileFlags{Immutable: true}); err != nil {
		t.Skipf("setting the immutable flag needs root and a file system that has it: %v", err)
	}
	if err := m.WriteFlags("/a", op.FileFlags{}); err != nil {
		t.Fatal(err)
	}
	doUndo(t, m, op.FileAttr{Path: "/a", New: op.FileFlags{Immutable: true}}, func() {
		if err := os.WriteFile(m.Root+"/a/x", nil, 0o600); err == nil {
			t.Error("the folder is not immutable")
		}
	}, func() {
		if err := os.WriteFile(m.Root+"/a/x", nil, 0o600); err != nil {
			t.Error(err)
		}
	})
}
