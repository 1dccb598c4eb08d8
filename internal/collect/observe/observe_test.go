package observe

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
	"golang.org/x/tools/txtar"
)

var kindNames = map[string]Kind{
	"kubelet": Kubelet, "containerd": Containerd, "etcd": Etcd, "apiserver": APIServer,
	"component": Component, "systemd": Systemd, "cron": Cron, "kernel": Kernel, "dns": DNS, "ssh": SSH,
}

// An example is a line with the observations it must give.
type example struct {
	kind Kind
	line string
	want map[string]map[string]string
}

func examples(t testing.TB) []example {
	t.Helper()
	a, err := txtar.ParseFile("testdata/lines.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	for _, f := range a.Files {
		for _, l := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
			rest, isWant := strings.CutPrefix(l, "= ")
			if !isWant {
				list = append(list, example{kindNames[f.Name], l, map[string]map[string]string{}})
				continue
			}
			id, params, _ := strings.Cut(rest, " ")
			m := map[string]string{}
			if err := json.Unmarshal([]byte(params), &m); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			list[len(list)-1].want[id] = m
		}
	}
	return list
}

func TestKnownLines(t *testing.T) {
	covered := map[string]bool{}
	for _, e := range examples(t) {
		s := New()
		s.Add(e.kind, "x", Line{Text: e.line, Severity: 3})
		got := map[string]map[string]string{}
		for _, o := range s.Observations() {
			got[o.ID] = map[string]string{}
			maps.Copy(got[o.ID], o.Params)
			covered[o.ID] = true
		}
		if !maps.EqualFunc(got, e.want, maps.Equal[map[string]string, map[string]string]) {
			g, _ := json.MarshalIndent(got, "", " ")
			t.Errorf("%s\ngot %s\nwant %v", e.line, g, e.want)
		}
		if len(s.Bursts(9)) != 0 {
			t.Errorf("%s\nis known and counts as a burst", e.line)
		}
	}
	for _, id := range IDs() {
		if !covered[id] {
			t.Errorf("no example of %s", id)
		}
	}
}

func TestOrdinaryLinesAreNotObserved(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		line string
	}{
		{Kubelet, `I0101 00:00:01.000000    1234 kubelet.go:1] "SyncLoop ADD" source="api" pods=["default/web-0"]`},
		{Containerd, `time="2026-01-01T00:00:00Z" level=info msg="RunPodSandbox for &PodSandboxMetadata{Name:web-0,} returns sandbox id \"0a\""`},
		{Etcd, `{"level":"info","ts":"2026-01-01T00:00:00.000000Z","msg":"wal: sync","took":"1ms"}`},
		{APIServer, `I0101 00:00:01.000000       1 controller.go:1] quota admission added evaluator for: pods`},
		{Kernel, `IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready`},
		{Cron, `(CRON) INFO (pidfile fd = 3)`},
		{Other, `dial tcp 10.0.0.1:6443: connect: connection refused`},
		{Kubelet, `I1122 17:41:58.836014     165 factory.go:220] Registration of the crio container factory failed: Get "http://x/info": dial unix /var/run/crio/crio.sock: connect: no such file or directory`},
		{Kubelet, `E1122 17:41:58.929571     165 kubelet.go:2697] "x" err="PLEG is not healthy: pleg has yet to be successful"`},
		{Kubelet, "	    cacheUnauthorizedTTL: 30s"},
		{Component, `I1122 17:41:58.929571       1 a.go:1] "Starting" component="x509: "`},
	} {
		s := New()
		s.Add(c.kind, "x", Line{Text: c.line, Severity: 6})
		if got := s.Observations(); len(got) != 0 {
			t.Errorf("%s\ngives %+v", c.line, got)
		}
	}
}

func at(s int) time.Time { return time.Date(2026, 1, 1, 0, 0, s, 0, time.UTC) }

func TestCounting(t *testing.T) {
	lines := []Line{}
	for i, took := range []string{"150ms", "2s", "300ms"} {
		text := `{"level":"warn","msg":"slow fdatasync","took":"` + took + `"}`
		lines = append(lines, Line{Time: at(i), Text: text, Severity: -1, Cursor: func() string { return took }})
	}
	for range 2 {
		slices.Reverse(lines) // the order must not matter
		s := New()
		for _, l := range lines {
			s.Add(Etcd, "x", l)
		}
		o := s.Observations()[0]
		if o.Count != 3 || !o.First.Equal(at(0)) || !o.Last.Equal(at(2)) || o.Cursor != "300ms" ||
			o.Params["took"] != "2s" || !strings.Contains(o.Sample, "300ms") {
			t.Errorf("got %+v", o)
		}
	}
}

func TestKeysTellObservationsApart(t *testing.T) {
	s := New()
	for _, plugin := range []string{"bridge", "loopback", "bridge"} {
		s.Add(Containerd, "x", Line{Text: `failed to find plugin "` + plugin + `" in path [/opt/cni/bin]`})
	}
	s.Add(Containerd, "y", Line{Text: `failed to find plugin "bridge" in path [/opt/cni/bin]`})
	var got []string
	for _, o := range s.Observations() {
		got = append(got, o.Source+" "+o.Params["plugin"]+" "+strings.Repeat("+", o.Count))
	}
	slices.Sort(got)
	if want := "x bridge ++, x loopback +, y bridge +"; strings.Join(got, ", ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBursts(t *testing.T) {
	s := New()
	for i, l := range []string{
		`E0101 00:00:01.000001 12 a.go:9] "Odd thing" pod="default/web-1" uid=4a-5b`,
		`E0101 00:00:02.000002 12 a.go:9] "Odd thing" pod="kube-system/dns" uid=77-0c`,
		`I0101 00:00:02.000002 12 a.go:9] "Fine thing"`,
		`time="2026-01-01T00:00:00Z" level=error msg="other"`,
	} {
		s.Add(Kubelet, "x", Line{Time: at(i), Text: l, Severity: 6})
	}
	got := s.Bursts(5)
	if len(got) != 2 || got[0].Count != 2 || !got[0].Last.Equal(at(1)) || !strings.Contains(got[0].Sample, "dns") {
		t.Fatalf("got %+v", got)
	}
	if want := `# #:#:# # a.go:#] "Odd thing" pod="" uid=#`; got[0].Shape != want {
		t.Errorf("shape %s, want %s", got[0].Shape, want)
	}
}

func TestSecretsAreTakenOut(t *testing.T) {
	const token = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06bm9kZSJ9.c2lnbmF0dXJlc2lnbmF0dXJl"
	s := New()
	s.Add(Cron, "x", Line{Text: "(root) CMD (curl -H 'Authorization: Bearer " + token + "' https://cp:6443)"})
	s.Add(Cron, "x", Line{Text: "odd Bearer " + token, Severity: 3})
	b, err := json.Marshal([]any{s.Observations(), s.Bursts(3)})
	if err != nil || strings.Contains(string(b), token[40:]) || !strings.Contains(string(b), "6443") {
		t.Errorf("got %s, %v", b, err)
	}
}

func TestManyObservationsAreBounded(t *testing.T) {
	s := New()
	for i := range 3 * maxObservations {
		s.Add(Kernel, "x", Line{Text: fmt.Sprintf("p%d[1]: segfault at 0", i)})
		s.Add(Kernel, fmt.Sprint(i%7), Line{Text: "odd " + strings.Repeat("y ", i%90), Severity: 1})
	}
	if n := len(s.Observations()); n != maxObservations {
		t.Errorf("%d observations", n)
	}
	if n := len(s.Bursts(1 << 20)); n != 7*90 {
		t.Errorf("%d shapes, want %d", n, 7*90)
	}
}

func FuzzAdd(f *testing.F) {
	for _, e := range examples(f) {
		f.Add(int(e.kind), e.line)
	}
	s := New()
	f.Fuzz(func(t *testing.T, kind int, line string) {
		s.Add(Kind(uint(kind)%uint(kinds)), "x", Line{Text: line, Severity: 1})
		s.Observations()
		var _ []snapshot.Burst = s.Bursts(3)
	})
}

func BenchmarkAdd(b *testing.B) {
	s := New()
	line := Line{Text: `I0101 00:00:01.000000    1234 kubelet.go:2500] "SyncLoop (PLEG): event for pod" pod="kube-system/coredns-0" event={"ID":"4a5b6c7d-8e9f-0a1b-2c3d-4e5f60718293","Type":"ContainerStarted","Data":"0123456789abcdef"}`, Severity: 6}
	b.SetBytes(int64(len(line.Text)))
	for b.Loop() {
		s.Add(Kubelet, "x", line)
	}
}
