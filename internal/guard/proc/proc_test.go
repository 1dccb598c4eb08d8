package proc

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	id := strings.Repeat("0123456789abcdef", 4)
	const uid = "0a1b2c3d-0000-1111-2222-333344445555"
	for _, c := range []struct{ group, unit, pod, container string }{
		{"/", "", "", ""},
		{"/system.slice/cron.service", "cron.service", "", ""},
		{"/user.slice/user-0.slice/session-3.scope", "session-3.scope", "", ""},
		{"/user.slice/user-0.slice/user@0.service/app.slice/x.service", "x.service", "", ""},
		{"/kubepods/burstable/pod" + uid + "/" + id, "", uid, id},
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-" + id + ".scope", "", uid, id},
		{"/docker/" + id + "/system.slice/kubelet.service", "kubelet.service", "", id},
		{"/system.slice/docker-" + id + ".scope", "", "", id},
		{"/kubepods-podx.slice/podman.service", "podman.service", "", ""},
	} {
		if unit, pod, container := Place(c.group); unit != c.unit || pod != c.pod || container != c.container {
			t.Errorf("%s: %q %q %q", c.group, unit, pod, container)
		}
	}
}

func TestArguments(t *testing.T) {
	got := Arguments([]byte("sh\x00-c\x00curl --token abcdefgh12345 x\x00"))
	if len(got) != 3 || got[0] != "sh" || strings.Contains(got[2], "abcdefgh12345") {
		t.Errorf("%q", got)
	}
	if got := Arguments([]byte("x\x00--password\x00hunter2hunter2\x00")); len(got) != 3 || strings.Contains(got[2], "hunter2") {
		t.Errorf("%q", got)
	}
	if Arguments(nil) != nil {
		t.Error("arguments of nothing")
	}
}

func TestStat(t *testing.T) {
	var p Process
	if !p.stat([]byte("7 (a) b (c) S 3 "+strings.Repeat("0 ", 17)+"99 1")) || p.Name != "a) b (c" || p.PPID != 3 || p.ticks != 99 {
		t.Errorf("%+v", p)
	}
}

func FuzzStat(f *testing.F) {
	f.Add([]byte("7 (x) S 3 0 0 0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Process
		p.stat(data)
		p.group(string(data))
		Arguments(data)
		realUID(data)
		bootTime(data)
		Users(data)
	})
}

// TestRing: one that has ended is remembered with its lineage.
func TestRing(t *testing.T) {
	r := NewRing("")
	c := exec.Command("/bin/sleep", "100")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := c.Process.Pid
	r.Exec(pid, "")
	r.Fork(pid, 1<<30)
	c.Process.Kill()
	c.Wait()
	p, live := r.Find(pid)
	if live || p.Name != "sleep" || !slices.Equal(p.Args, []string{"/bin/sleep", "100"}) || p.UID != os.Getuid() || p.Start.IsZero() {
		t.Errorf("%v %+v", live, p)
	}
	if l := r.Lineage(p); len(l) == 0 || l[0].PID != os.Getpid() {
		t.Errorf("lineage %+v", l)
	}
	if p, _ := r.Find(1 << 30); p.PPID != pid || p.Name != "sleep" {
		t.Errorf("child %+v", p)
	}
	for i := range 3 * Size {
		r.Exec(1<<24+i, "/bin/x")
	}
	if len(r.known) > Size {
		t.Errorf("%d are known", len(r.known))
	}
}
