package kubelet

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

// node unpacks a fixture and returns it as a node that does not run.
func node(t *testing.T, name string) *source.Env {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		sourcetest.File(t, dir, f.Name, string(f.Data), 0o644)
	}
	return source.New(dir, false)
}

func TestStopped(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	var s snapshot.Snapshot
	if err := collect(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	k := s.Kubelet
	k = &snapshot.Kubelet{Kubeconfig: k.Kubeconfig, ClientCert: k.ClientCert, StaticPodPath: k.StaticPodPath, ClusterDNS: k.ClusterDNS,
		CgroupDriver: k.CgroupDriver, Endpoint: k.Endpoint, NodeName: k.NodeName}
	want := &snapshot.Kubelet{
		Kubeconfig: "/etc/kubernetes/kubelet.conf", ClientCert: "/etc/kubernetes/pki/current.pem",
		StaticPodPath: "/etc/kubernetes/manifests", ClusterDNS: []string{"10.96.0.10"}, CgroupDriver: "systemd",
		Endpoint: "unix:///run/other.sock", NodeName: "node-7",
	}
	if !reflect.DeepEqual(k, want) {
		t.Errorf("got %+v, want %+v", k, want)
	}
}

func TestNoKubelet(t *testing.T) {
	var s snapshot.Snapshot
	err := collect(t.Context(), source.New(t.TempDir(), false), &s)
	if err == nil || s.Kubelet != nil {
		t.Errorf("got %v and %+v", err, s.Kubelet)
	}
}

func TestRunning(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	s := snapshot.Snapshot{Processes: &snapshot.Processes{List: []snapshot.Process{{
		PID: 7, Name: "kubelet", Args: []string{"kubelet", "--config=/var/lib/kubelet/config.yaml", "--cgroup-driver", "cgroupfs"},
	}}}}
	if err := collect(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	if k := s.Kubelet; !k.Running || k.PID != 7 || k.CgroupDriver != "cgroupfs" || k.NodeName != "" || k.Config == nil {
		t.Errorf("got %+v", k)
	}
}

func TestBrokenConfig(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	if err := os.WriteFile(filepath.Join(e.Root, "var/lib/kubelet/config.yaml"), []byte("kind: KubeletConfiguration\nclusterDNS: {\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var s snapshot.Snapshot
	if err := collect(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	if k := s.Kubelet; !strings.Contains(k.ConfigErr, "line ") || k.Config == nil {
		t.Errorf("got %q", k.ConfigErr)
	}
}

func TestStatic(t *testing.T) {
	e := node(t, "testdata/node.txtar")
	var s snapshot.Snapshot
	if err := collectStatic(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range s.Static.Manifests {
		names = append(names, filepath.Base(m.Path)+" "+m.Name+" "+strconv.Itoa(m.ErrorLine))
	}
	if got, want := strings.Join(names, ", "), "broken.yaml.bak  4, etcd.yaml etcd 0, list.json  1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m, c, ok := s.Static.Component("etcd")
	flags := []snapshot.Flag{{Name: "data-dir", Value: "/var/lib/etcd", Line: 13, Type: "string"}, {Name: "quota-backend-bytes", Value: "2147483648", Line: 14, Type: "int64"},
		{Name: "debug", Line: 16, Problem: "is no flag of etcd v3.7"}}
	if !ok || !m.HostNet || m.HostPaths[0] != "/var/lib/etcd" || !reflect.DeepEqual(c.Flags, flags) {
		t.Errorf("got %+v", m)
	}
}

func TestHealthz(t *testing.T) {
	answer := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answer)
		w.Write([]byte("ok\n"))
	}))
	defer srv.Close()
	host, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	e := node(t, "testdata/node.txtar") // a flag wins over the file
	put(t, e, map[string]string{"/etc/default/kubelet": "KUBELET_EXTRA_ARGS=--healthz-bind-address=" + host + " --healthz-port=" + port + "\n"})
	c := collected(t, e, snapshot.Snapshot{}).Effective
	if body, problem := healthz(t.Context(), c); body != "ok" || problem != "" {
		t.Errorf("got %q, %q", body, problem)
	}
	answer = http.StatusInternalServerError
	if body, problem := healthz(t.Context(), c); body != "ok" || !strings.Contains(problem, "500") {
		t.Errorf("got %q, %q", body, problem)
	}
	srv.Close()
	if _, problem := healthz(t.Context(), c); !strings.Contains(problem, "refused") {
		t.Errorf("got %q", problem)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte("kind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n  - command: [a, --b=c, -d, e]\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("kind: Pod\na: &a {<<: *a, b: &b {<<: [*a, {<<: *b}]}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := ParseManifest(data, "")
		if m.Error == "" && (m.Name == "" || len(m.Containers) == 0) {
			t.Errorf("no error for %+v", m)
		}
	})
}

// TestManyContinuedLines: what costs the square of the file's size would hold
// up the whole section.
func TestManyContinuedLines(t *testing.T) {
	text := "[Service]\nA=" + strings.Repeat("\\\n", source.MaxFile/2-10) + "b\n"
	began := time.Now()
	got := parseUnit(text)
	parseEnv(text, "/x", map[string]setting{})
	if took := time.Since(began); took > 3*time.Second || len(got) == 0 || got[0].key != "A" {
		t.Errorf("%d assignments in %v", len(got), took)
	}
}

func FuzzUnit(f *testing.F) {
	f.Add("[Service]\nEnvironment=\"A=b c\"\nExecStart=/x $A ${A}\n")
	f.Fuzz(func(t *testing.T, data string) {
		env := map[string]setting{}
		parseEnv(data, "x", env)
		for _, a := range parseUnit(data) {
			ParseFlags(texts(expand(a.value, "x", a.line, env)))
		}
		parseConfig([]byte(data))
		parseClient([]byte(data))
		nodeName([]byte(data))
	})
}

func TestExpand(t *testing.T) {
	env := map[string]setting{"A": {"--one '--two 2'", "env", 3}, "B": {"${A}${A}", "env", 4}, "LONG": {strings.Repeat("x", maxLine), "env", 5}}
	var got []string
	for _, w := range expand("kubelet $A --x=${A} \"--y=${B} z\" ${LONG} ${LONG}", "unit", 1, env) {
		got = append(got, fmt.Sprintf("%.40s %s:%d %s", w.Text, w.Source, w.Line, w.Var))
	}
	want := []string{"kubelet unit:1 ", "--one env:3 A", "--two 2 env:3 A", "--x=--one '--two 2' env:3 A", "--y=${A}${A} z env:4 B", " env:5 LONG", " env:5 LONG"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
