package containerd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	specPod     = `{"process":{"args":["app","--token=hunter2hunter2"],"user":{"uid":7}},"annotations":{"io.kubernetes.cri.sandbox-id":"sb"}}`
	specForeign = `{"process":{"args":["miner","--password=hunter2hunter2"],"user":{"uid":0},"capabilities":{"bounding":["CAP_SYS_ADMIN"]}},"hostname":"h",
 "mounts":[{"destination":"/host","type":"bind","source":"/","options":["rbind","rshared"]},{"destination":"/p","source":"proc","type":"proc"}],
 "hooks":{"prestart":[{"path":"/usr/bin/x","args":["x","y"]}]},"linux":{"cgroupsPath":"/foo","namespaces":[{"type":"mount"},{"type":"network","path":"/run/netns/a"}]}}`
)

// putter writes nested buckets; the first error stays.
type putter struct{ err error }

func (p *putter) put(b *bbolt.Bucket, path string, v []byte) {
	parts := strings.Split(path, "|")
	for _, name := range parts[:len(parts)-1] {
		next, err := b.CreateBucketIfNotExists([]byte(name))
		if p.err = errors.Join(p.err, err); p.err != nil {
			return
		}
		b = next
	}
	p.err = errors.Join(p.err, b.Put([]byte(parts[len(parts)-1]), v))
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func wrapped(spec string) []byte {
	b := protowire.AppendTag(nil, 1, protowire.BytesType)
	b = protowire.AppendString(b, "types.containerd.io/opencontainers/runtime-spec/1/Spec")
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	return protowire.AppendString(b, spec)
}

const (
	layer  = "layer"
	config = `{"config":{}}`
)

func manifest() string {
	return fmt.Sprintf(`{"config":{"digest":%q},"layers":[{"digest":%q},{"digest":"sha256:gone"}]}`, digest(config), digest(layer))
}

// index is of an image of several platforms, of which one was fetched.
func index() string {
	return fmt.Sprintf(`{"manifests":[{"digest":"sha256:other"},{"digest":%q,"platform":{"os":"unknown"}},{"digest":%q}]}`, digest(layer), digest(manifest()))
}

// large is a configuration of which not all is read.
var large = `{"x":"` + strings.Repeat("x", maxManifest) + `"}`

func ofLarge() string { return fmt.Sprintf(`{"config":{"digest":%q}}`, digest(large)) }

// metadata makes a meta.db as containerd lays it out.
func metadata(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	at, _ := time.Unix(1e9, 0).MarshalBinary()
	err = db.Update(func(tx *bbolt.Tx) error {
		v1, err := tx.CreateBucket([]byte("v1"))
		p := &putter{err}
		p.put(v1, "version", binary.AppendVarint(nil, 4))
		p.put(v1, "moby|labels|a", []byte("b"))
		for name, d := range map[string]string{"app:1": digest(manifest()), "many:1": digest(index()), "none:1": digest(`{"manifests":[{"digest":"sha256:other"}]}`), "large:1": digest(ofLarge()), "gone:1": "sha256:" + strings.Repeat("0", 64), "../evil": "sha256:../../etc/passwd"} {
			p.put(v1, "k8s.io|images|"+name+"|createdat", at)
			p.put(v1, "k8s.io|images|"+name+"|target|digest", []byte(d))
			p.put(v1, "k8s.io|images|"+name+"|target|size", binary.AppendVarint(nil, 99))
		}
		p.put(v1, "k8s.io|containers|c1|image", []byte("app:1"))
		p.put(v1, "k8s.io|containers|c1|spec", wrapped(specPod))
		p.put(v1, "k8s.io|containers|c1|runtime|name", []byte("io.containerd.runc.v2"))
		p.put(v1, "k8s.io|containers|c1|labels|io.cri-containerd.kind", []byte("container"))
		p.put(v1, "k8s.io|containers|c1|labels|io.kubernetes.pod.name", []byte("pod"))
		p.put(v1, "k8s.io|containers|c1|snapshotKey", []byte("c1"))
		p.put(v1, "moby|containers|c2|spec", wrapped(specForeign))
		p.put(v1, "moby|containers|c2|labels|secret-token", []byte("token=hunter2hunter2"))
		p.put(v1, "k8s.io|leases|l1|createdat", at)
		p.put(v1, "k8s.io|snapshots|overlayfs|s1|name", []byte("x"))
		p.put(v1, "k8s.io|content|blob|"+digest(layer)+"|size", binary.AppendVarint(nil, 5))
		p.put(v1, "k8s.io|sandboxes|sb|createdat", at)
		return p.err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, dir, name, data string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(data), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "/var/lib/containerd/"+metadataFile, string(metadata(t)))
	for _, data := range []string{layer, config, manifest(), index(), large, ofLarge(), `{"manifests":[{"digest":"sha256:other"}]}`} {
		write(t, dir, "/var/lib/containerd/"+contentDir+"/sha256/"+strings.TrimPrefix(digest(data), "sha256:"), data)
	}
	write(t, dir, "/run/containerd/"+taskDir+"/k8s.io/c1/config.json", specPod)
	write(t, dir, "/run/containerd/"+taskDir+"/k8s.io/c1/init.pid", "42")
	write(t, dir, "/run/containerd/"+taskDir+"/other/c9/config.json", "{")
	write(t, dir, "/run/containerd/"+taskDir+"/other/c8/config.json", `{"linux":{"cgroupsPath":"/own/group"}}`)
	s := &snapshot.Snapshot{
		Runtime: &snapshot.Runtime{Reachable: true, Containers: []snapshot.Container{{ID: "c1"}}},
		Processes: &snapshot.Processes{List: []snapshot.Process{
			{PID: 1, Cgroup: "/init.scope"}, {PID: 42, Name: "app", State: "S"},
			{PID: 50, Name: "containerd-shim", State: "S", Args: []string{"/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io", "-id", "c1"}},
			{PID: 51, Name: "containerd-shim", State: "S", Args: []string{"containerd-shim-runc-v2", "-namespace", "moby", "-id", "c2"}},
			{PID: 58, Name: "x", State: "S", Cgroup: "/own/group"},
			{PID: 60, Name: "miner", State: "R", Cgroup: "/docker/" + strings.Repeat("a", 64)},
			{PID: 61, Name: "miner", State: "R", Cgroup: "/docker/" + strings.Repeat("a", 64) + "/sub"},
		}},
	}
	if err := collect(t.Context(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	c := s.Containerd
	n, _ := c.Namespace("k8s.io")
	var images []string
	for _, x := range n.Images {
		images = append(images, fmt.Sprintf("%s %s %s %s %d/%d %d", x.Name, x.Manifest, x.Sound, x.ConfigIs, x.Missing, x.Layers, x.Size))
	}
	if want := []string{"../evil no   0/0 99", "app:1 yes yes yes 1/2 99", "gone:1 no   0/0 99", "large:1 yes  yes 0/0 99", "many:1 yes yes yes 1/2 99", "none:1 yes yes no 0/0 99"}; !reflect.DeepEqual(images, want) {
		t.Errorf("images: got %q", images)
	}
	if x := n.Containers[0]; x.ID != "c1" || x.Pod != "pod" || x.Sandbox != "sb" || x.Spec != nil || x.Runtime != "io.containerd.runc.v2" || x.SnapshotKey != "" {
		t.Errorf("container: got %+v", x)
	}
	if c.Schema != 4 || len(n.Leases) != 1 || n.Snapshots["overlayfs"] != 1 || n.Blobs != 1 || n.BlobBytes != 5 || !reflect.DeepEqual(n.Sandboxes, []string{"sb"}) {
		t.Errorf("got %+v", n)
	}
	moby, _ := c.Namespace("moby")
	want := &snapshot.ContainerSpec{Hostname: "h", Cgroup: "/foo", Shared: []string{"pid", "ipc", "uts"}, Joined: []string{"network=/run/netns/a"}, Privileged: true,
		Mounts: []snapshot.ContainerMount{{Path: "/host", Host: "/", Propagation: "both"}}, Hooks: []string{"prestart: /usr/bin/x x y"}}
	got := moby.Containers[0].Spec
	if want.Args = got.Args; !reflect.DeepEqual(got, want) || got.Args[0] != "miner" {
		t.Errorf("foreign: got %+v", got)
	}
	if strings.Contains(fmt.Sprintf("%+v %+v", got, moby), "hunter2") {
		t.Error("a password is kept")
	}
	var tasks []string
	for _, x := range c.Tasks {
		tasks = append(tasks, fmt.Sprintf("%s/%s %d %s %s %s %v", x.Namespace, x.ID, x.PID, x.Alive, x.Stored, x.Listed, x.Error != ""))
	}
	if want := []string{"k8s.io/c1 42 yes yes yes false", "other/c8 0  no no false", "other/c9 0  no no true"}; !reflect.DeepEqual(tasks, want) {
		t.Errorf("tasks: got %q", tasks)
	}
	if len(c.Shims) != 2 || c.Shims[0].Task != snapshot.Yes || c.Shims[1].Task != snapshot.No {
		t.Errorf("shims: got %+v", c.Shims)
	}
	if len(c.Strays) != 2 || c.Strays[1].Count != 2 || c.Strays[1].Engine != "docker" || c.Strays[1].KnownTo != "" || c.Strays[0].Engine != "other" || c.Strays[0].KnownTo != "containerd other" {
		t.Errorf("strays: got %+v", c.Strays)
	}
}

func TestNothing(t *testing.T) {
	s := &snapshot.Snapshot{}
	if err := collect(t.Context(), source.New(t.TempDir(), false), s); !errors.Is(err, errNone) || s.Containerd != nil {
		t.Errorf("got %v", err)
	}
}

func TestDamagedMetadata(t *testing.T) {
	dir := t.TempDir()
	data := metadata(t)
	write(t, dir, "/var/lib/containerd/"+metadataFile, string(data[:len(data)/3]))
	s, e := &snapshot.Snapshot{}, source.New(dir, false)
	if err := collect(t.Context(), e, s); err != nil || s.Containerd.Error == "" || len(e.Gaps()) != 1 {
		t.Errorf("got %v, %+v, %v", err, s.Containerd, e.Gaps())
	}
}

func TestEngineOf(t *testing.T) {
	id := strings.Repeat("0", 64)
	for group, want := range map[string]string{
		"/system.slice/x.service": " ", "/kubepods/burstable/podx/" + id: "containerd " + id, "/docker/" + id: "docker " + id,
		"/system.slice/docker-" + id + ".scope":    "docker " + id,
		"/machine.slice/libpod-" + id + ".scope":   "podman " + id,
		"/kubepods.slice/pod.slice/crio-" + id:     "crio " + id,
		"/kubepods.slice/cri-containerd-" + id:     "containerd " + id,
		"/k.slice:cri-containerd:" + id:            "containerd " + id,
		"/machine.slice/systemd-nspawn@a.service":  "machine ",
		"/lxc.payload.a":                           "lxc ",
		"/strange/stray":                           "other ",
		"/user.slice/user-0.slice/session-1.scope": " ",
		"/":              " ",
		"/init.scope":    " ",
		"/default/" + id: "containerd " + id,
		"/docker/" + id + "/kubepods/" + id[1:] + "f/x": "docker " + id,
	} {
		engine, got := engineOf(group)
		if engine+" "+got != want {
			t.Errorf("%s: got %s %s", group, engine, got)
		}
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add(metadata(f), uint(9000), byte(1))
	f.Fuzz(func(_ *testing.T, data []byte, at uint, x byte) {
		if len(data) > 0 {
			data = bytes.Clone(data)
			data[at%uint(len(data))] ^= x
		}
		_ = ParseMetadata(context.Background(), data, &snapshot.Containerd{})
	})
}

func FuzzSpec(f *testing.F) {
	f.Add([]byte(specForeign))
	f.Add([]byte(manifest()))
	f.Add([]byte(index()))
	f.Add([]byte("/docker/" + strings.Repeat("a", 64)))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _, _ = ParseSpec(data)
		_, _ = ParseManifest(data)
		ParseIndex(data)
		ParsePlatform(data)
		_, _, _ = ParseSpec(anyValue(data))
		Census([]snapshot.Process{{PID: 2, Cgroup: string(data)}})
	})
}
