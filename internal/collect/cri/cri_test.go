package cri

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"google.golang.org/grpc"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

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
		write(t, dir, f.Name, string(f.Data), 0o644)
	}
	return source.New(dir, false)
}

func write(t *testing.T, dir, name, data string, mode os.FileMode) {
	t.Helper()
	sourcetest.File(t, dir, name, data, mode)
}

func TestConfig(t *testing.T) {
	e := node(t, "testdata/config.txtar")
	for _, c := range []struct {
		args    []string
		process string
		want    snapshot.Runtime
	}{
		{[]string{"containerd", "--config", "/etc/containerd/v2.toml"}, "containerd", snapshot.Runtime{
			Socket: "/run/c2.sock", CNIConfDir: "/etc/cni/v2", CNIBinDirs: []string{"/opt/v2"}, CNIMaxConf: 0}},
		{[]string{"containerd", "-c=/etc/containerd/v3.toml"}, "containerd", snapshot.Runtime{
			CNIConfDir: "/etc/cni/v3", CNIBinDirs: []string{"/opt/a", "/opt/b"}, CNIMaxConf: 2}},
		{nil, "crio", snapshot.Runtime{
			Socket: "/run/other.sock", CNIConfDir: "/etc/cni/crio", CNIBinDirs: []string{"/opt/crio"}, CNIMaxConf: 1}},
		{[]string{"containerd", "-c=/etc/containerd/bad.toml"}, "containerd", snapshot.Runtime{
			CNIConfDir: "/etc/cni/net.d", CNIBinDirs: []string{"/opt/cni/bin"}, CNIMaxConf: 1,
			ConfigErr: "/etc/containerd/bad.toml:2: expected value but found '\\n' instead"}},
		{[]string{"containerd", "-c=/etc/containerd/off.toml"}, "containerd", snapshot.Runtime{
			CNIConfDir: "/etc/cni/net.d", CNIBinDirs: []string{"/opt/cni/bin"}, CNIMaxConf: 1,
			ConfigErr: "disabled_plugins switches the CRI plugin off"}},
		{nil, "", snapshot.Runtime{CNIConfDir: "/etc/cni/crio", CNIBinDirs: []string{"/opt/crio"}, CNIMaxConf: 1, Socket: "/run/other.sock"}},
	} {
		t.Run(fmt.Sprint(c.process, c.args), func(t *testing.T) {
			var r snapshot.Runtime
			readConfig(e, &r, snapshot.Process{Name: c.process, Args: c.args})
			if r.Config == nil {
				t.Fatal("no configuration kept")
			}
			if strings.Contains(r.Config.Content, "hunter2hunter2") {
				t.Error("a password is kept")
			}
			r.Config = nil
			if !reflect.DeepEqual(r, c.want) {
				t.Errorf("got %+v, want %+v", r, c.want)
			}
		})
	}
}

func TestCollectAbsent(t *testing.T) {
	e := source.New(t.TempDir(), false)
	var s snapshot.Snapshot
	if err := collect(t.Context(), e, &s); err == nil || s.Runtime != nil {
		t.Errorf("runtime: got %v, %+v", err, s.Runtime)
	}
	if err := collectCNI(t.Context(), e, &s); err == nil || s.CNI != nil {
		t.Errorf("cni: got %v, %+v", err, s.CNI)
	}
}

func TestListener(t *testing.T) {
	const table = "Num RefCount Protocol Flags Type St Inode Path\n" +
		"0: 00000002 00000000 00010000 0001 01 17 /var/run/containerd/containerd.sock\n" +
		"0: 00000003 00000000 00000000 0001 03 2 /run/other.sock\n"
	for path, want := range map[string]string{"/run/containerd/containerd.sock": "17", "/run/other.sock": "", "/run/none.sock": ""} {
		if got := listener(table, path); got != want {
			t.Errorf("%s: got %q", path, got)
		}
	}
}

func TestASocketThatSystemdAloneHoldsIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for pid, target := range map[string]string{"1": "socket:[17]", "8": "socket:[18]"} {
		if err := os.MkdirAll(filepath.Join(dir, "proc", pid, "fd"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(dir, "proc", pid, "fd/5")); err != nil {
			t.Fatal(err)
		}
	}
	e := source.New(dir, false)
	all := &snapshot.Processes{List: []snapshot.Process{{PID: 1}, {PID: 8}, {PID: 9}}}
	if !waits(e, all, "17") {
		t.Error("the socket of a unit that does not run is not found out")
	}
	if waits(e, all, "18") || waits(e, nil, "17") {
		t.Error("a socket that is served, or of which nothing is known, is left alone")
	}
	if err := os.Symlink("socket:[17]", filepath.Join(dir, "proc/8/fd/6")); err != nil {
		t.Fatal(err)
	}
	if waits(e, all, "17") {
		t.Error("a socket that its service took over is left alone")
	}
}

func TestConfigOfDropInsAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "/etc/crio/crio.conf.d/10-crio.conf", "[crio.network]\nplugin_dirs = [\"/usr/libexec/cni\"]\n", 0o644)
	var r snapshot.Runtime
	readConfig(source.New(dir, false), &r, snapshot.Process{Name: "crio"})
	if r.Config != nil || r.ConfigErr != "" || !reflect.DeepEqual(r.CNIBinDirs, []string{"/usr/libexec/cni"}) {
		t.Errorf("got %+v", r)
	}
	readConfig(source.New(t.TempDir(), false), &r, snapshot.Process{Name: "containerd", Args: []string{"containerd", "-a", "/run/k3s/containerd/containerd.sock"}})
	if r.Socket != "/run/k3s/containerd/containerd.sock" {
		t.Errorf("got %q", r.Socket)
	}
}

// A runtime is a CRI server that answers from fields.
type runtime struct {
	v1.UnimplementedRuntimeServiceServer
	info map[string]string
}

func (r runtime) Version(context.Context, *v1.VersionRequest) (*v1.VersionResponse, error) {
	return &v1.VersionResponse{RuntimeName: "containerd", RuntimeVersion: "v2"}, nil
}

func (r runtime) Status(context.Context, *v1.StatusRequest) (*v1.StatusResponse, error) {
	return &v1.StatusResponse{Info: r.info, RuntimeHandlers: []*v1.RuntimeHandler{{Name: "runc", Features: &v1.RuntimeHandlerFeatures{UserNamespaces: true}}}, Status: &v1.RuntimeStatus{Conditions: []*v1.RuntimeCondition{
		{Type: "RuntimeReady", Status: true}, {Type: "NetworkReady", Reason: "NetworkPluginNotReady", Message: "cni plugin not initialized"},
	}}}, nil
}

func (r runtime) ListPodSandbox(context.Context, *v1.ListPodSandboxRequest) (*v1.ListPodSandboxResponse, error) {
	return &v1.ListPodSandboxResponse{Items: []*v1.PodSandbox{
		{Id: "b", Metadata: &v1.PodSandboxMetadata{Namespace: "ns", Name: "b"}, State: v1.PodSandboxState_SANDBOX_NOTREADY},
		{Id: "a", Metadata: &v1.PodSandboxMetadata{Namespace: "ns", Name: "a", Uid: "u"}},
	}}, nil
}

func (r runtime) PodSandboxStatus(_ context.Context, q *v1.PodSandboxStatusRequest) (*v1.PodSandboxStatusResponse, error) {
	return &v1.PodSandboxStatusResponse{
		Status: &v1.PodSandboxStatus{Id: q.PodSandboxId, Network: &v1.PodSandboxNetworkStatus{Ip: "10.1.0.2"}},
		Info:   map[string]string{"info": `{"pid":42,"runtimeSpec":{"linux":{"namespaces":[{"type":"pid"},{"type":"network","path":"/run/netns/x"}]}}}`},
	}, nil
}

func (r runtime) ListContainers(context.Context, *v1.ListContainersRequest) (*v1.ListContainersResponse, error) {
	return &v1.ListContainersResponse{Containers: []*v1.Container{{
		Id: "c", PodSandboxId: "a", Metadata: &v1.ContainerMetadata{Name: "app", Attempt: 3}, State: v1.ContainerState_CONTAINER_EXITED,
		Labels: map[string]string{"io.kubernetes.pod.namespace": "ns", "io.kubernetes.pod.name": "a"},
	}}}, nil
}

func (r runtime) ContainerStatus(context.Context, *v1.ContainerStatusRequest) (*v1.ContainerStatusResponse, error) {
	return &v1.ContainerStatusResponse{Status: &v1.ContainerStatus{
		ExitCode: 137, Reason: "OOMKilled", FinishedAt: 1e9, LogPath: "/var/log/pods/x/0.log", Image: &v1.ImageSpec{UserSpecifiedImage: "app:1"},
		ImageRef: "app@sha256:1", ImageId: "sha256:2", Mounts: []*v1.Mount{
			{ContainerPath: "/etc/hosts", HostPath: "/var/lib/kubelet/pods/u/etc-hosts"},
			{ContainerPath: "/host", HostPath: "/", Propagation: v1.MountPropagation_PROPAGATION_BIDIRECTIONAL}},
	}}, nil
}

// images is the image service beside a [runtime].
type images struct {
	v1.UnimplementedImageServiceServer
}

func (images) ListImages(context.Context, *v1.ListImagesRequest) (*v1.ListImagesResponse, error) {
	return &v1.ListImagesResponse{Images: []*v1.Image{
		{Id: "sha256:2", RepoTags: []string{"app:1", "app:latest"}, Size: 7, Pinned: true}, {Id: "sha256:3", RepoDigests: []string{"x@sha256:4"}, Uid: &v1.Int64Value{}},
	}}, nil
}

func (images) ImageFsInfo(context.Context, *v1.ImageFsInfoRequest) (*v1.ImageFsInfoResponse, error) {
	return &v1.ImageFsInfoResponse{ImageFilesystems: []*v1.FilesystemUsage{
		{FsId: &v1.FilesystemIdentifier{Mountpoint: "/var/lib/x"}, UsedBytes: &v1.UInt64Value{Value: 5}, InodesUsed: &v1.UInt64Value{Value: 6}},
	}}, nil
}

// A halfDead runtime says what it is and then answers nothing.
type halfDead struct {
	runtime
}

func (halfDead) ListContainers(ctx context.Context, _ *v1.ListContainersRequest) (*v1.ListContainersResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestAskHalfDead: what was answered is kept, what was not costs the deadline.
func TestAskHalfDead(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cri.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	v1.RegisterImageServiceServer(srv, images{})
	v1.RegisterRuntimeServiceServer(srv, halfDead{})
	go srv.Serve(l)
	defer srv.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var r snapshot.Runtime
	began := time.Now()
	err = ask(ctx, socket, &r)
	if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "list the containers") || took > 2*time.Second {
		t.Errorf("got %v after %v", err, took)
	}
	if !r.Reachable || len(r.Sandboxes) != 2 || len(r.Images) != 2 {
		t.Errorf("got %+v", r)
	}
}

// TestAskGarbage asks a server that speaks another protocol.
func TestAskGarbage(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cri.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(strings.Repeat("\x00\xffHTTP/1.0 400 Bad Request\r\n\r\n", 100)))
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var r snapshot.Runtime
	if err := ask(ctx, socket, &r); err == nil || r.Reachable {
		t.Errorf("got %v, %+v", err, r)
	}
}

func TestAsk(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cri.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	v1.RegisterImageServiceServer(srv, images{})
	v1.RegisterRuntimeServiceServer(srv, runtime{info: map[string]string{
		"config": `{"cni":{"binDirs":["/x"],"confDir":"/y","maxConfNum":0}}`, "lastCNILoadStatus": "cni config load failed",
	}})
	go srv.Serve(l)
	defer srv.Stop()
	r := snapshot.Runtime{CNIMaxConf: 1}
	if err := ask(t.Context(), socket, &r); err != nil {
		t.Fatal(err)
	}
	want := snapshot.Runtime{
		Name: "containerd", Version: "v2", Reachable: true, CNIConfDir: "/y", CNIBinDirs: []string{"/x"},
		Conditions: []snapshot.Condition{
			{Type: "RuntimeReady", Status: "True"},
			{Type: "NetworkReady", Status: "False", Reason: "NetworkPluginNotReady", Message: "cni plugin not initialized"},
			{Type: "CNIConfigLoaded", Status: "False", Message: "cni config load failed"},
		},
		Sandboxes: []snapshot.Sandbox{
			{ID: "a", Namespace: "ns", Name: "a", UID: "u", Ready: true, IP: "10.1.0.2", PID: 42, NetNS: "/run/netns/x"},
			{ID: "b", Namespace: "ns", Name: "b"},
		},
		Containers: []snapshot.Container{{
			ID: "c", Sandbox: "a", Namespace: "ns", Pod: "a", Name: "app", Image: "app:1", State: "exited", ExitCode: 137,
			Reason: "OOMKilled", Attempt: 3, Finished: at(1e9), Log: "/var/log/pods/x/0.log", ImageRef: "app@sha256:1", ImageID: "sha256:2",
			Mounts: []snapshot.ContainerMount{{Path: "/host", Host: "/", Propagation: "both"}},
		}},
		Images: []snapshot.Image{
			{ID: "sha256:2", Names: []string{"app:1", "app:latest"}, Size: 7, Pinned: true},
			{ID: "sha256:3", Digests: []string{"x@sha256:4"}, UID: new(int64)},
		},
		ImageFS:  []snapshot.ImageFS{{Kind: "images", Path: "/var/lib/x", Bytes: 5, Inodes: 6}},
		Handlers: []snapshot.RuntimeHandler{{Name: "runc", Features: []string{"user namespaces"}}},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
}

// TestAskSilent asks a server that never answers.
func TestAskSilent(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "cri.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50e6)
	defer cancel()
	var r snapshot.Runtime
	if err := ask(ctx, socket, &r); err == nil || r.Reachable || !strings.Contains(err.Error(), "deadlineexceeded") {
		t.Errorf("got %v", err)
	}
}

func TestCNI(t *testing.T) {
	e := node(t, "testdata/cni.txtar")
	elf := "\x7fELF\x02\x01\x01"
	for _, p := range []string{"opt/cni/bin/bridge", "opt/cni/bin/host-local", "opt/cni/bin/tuning", "opt/cni/old/bridge.orig", "usr/lib/cni/tuning", "usr/local/bin/bridge"} {
		write(t, e.Root, p, elf, 0o755)
	}
	cached := func(id, config string) {
		write(t, e.Root, "var/lib/cni/results/n-"+id+"-eth0", fmt.Sprintf(`{"kind":"cniCacheV1","containerId":%q,"networkName":"n","ifName":"eth0","config":%q}`,
			id, base64.StdEncoding.EncodeToString([]byte(config))), 0o600)
	}
	cached("1", `{"name":"pods","plugins":[{"type":"bridge"}]}`)
	cached("2", `{"name":"pods","plugins":[{"type":"bridge"}]}`)
	cached("3", `{"name":"cni-loopback","plugins":[{"type":"loopback"}]}`)
	s := snapshot.Snapshot{Kubelet: &snapshot.Kubelet{}}
	if err := collectCNI(t.Context(), e, &s); err != nil {
		t.Fatal(err)
	}
	var files, others, plugins, spares []string
	for _, f := range s.CNI.Files {
		files = append(files, fmt.Sprintf("%s:%d:%d", filepath.Base(f.Path), f.ErrorLine, len(f.Plugins)))
	}
	for _, o := range s.CNI.Others {
		others = append(others, filepath.Base(o.Path))
	}
	for _, b := range s.CNI.Plugins {
		plugins = append(plugins, fmt.Sprintf("%s:%v", filepath.Base(b.Path), b.SHA256 != ""))
	}
	for _, b := range s.CNI.Spares {
		spares = append(spares, b.Path)
	}
	for _, c := range []struct {
		what      string
		got, want []string
	}{
		{"files", files, []string{".hidden.conf:0:1", "05-parts.conflist:0:2", "10-bad.conflist:4:0", "20-pods.conflist:0:1"}},
		{"others", others, []string{"20-pods.conflist.bak", "README"}},
		{"plugins", plugins, []string{"bridge:true", "host-local:true", "tuning:false"}},
		{"spares", spares, []string{"/opt/cni/old/bridge.orig"}},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
	if c := s.CNI.Cached; len(c) != 2 || c[0].Pods+c[1].Pods != 3 {
		t.Errorf("cached: got %+v", c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"kind":"cniCacheV1","config":"e30="}`))
	f.Add([]byte("version = 3\nimports = ['/x/*']\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dirs = [1]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseCached(data)
		parseInfo(string(data))
		listener(string(data), "/x")
		tree, _ := parseTOML("x", data)
		var r snapshot.Runtime
		apply(&r, tree)
		effective(&r, map[string]string{"config": string(data)})
	})
}
