package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/klustered/klustered/snapshot"
)

// testRuntime compares the runtime's configuration with what containerd
// itself makes of its files, and its answers with ctr's.
func testRuntime(ctx context.Context, t *testing.T, n Node) {
	r := n.Snapshot.Runtime
	if r == nil || r.Settings == nil {
		t.Fatal("not collected")
	}
	if !r.Reachable || r.Error != "" {
		t.Errorf("reachable %v: %s", r.Reachable, r.Error)
	}
	lines, err := n.Lines(ctx, "containerd config dump 2>/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	dump := map[string]any{}
	if err := toml.Unmarshal([]byte(strings.Join(lines, "\n")), &dump); err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Settings.Settings {
		got, ok := under(dump, strings.Split(s.Key, "/"))
		if s.Key != "version" && (!ok || got != s.Value) {
			t.Errorf("%s: got %q of %s:%d, containerd says %q", s.Key, s.Value, s.Path, s.Line, got)
		}
	}
	c := r.Settings
	for key, got := range map[string]string{
		"root": c.Root, "state": c.State, "plugins/io.containerd.server.v1.grpc/address": c.Address,
		"plugins/io.containerd.cri.v1.images/snapshotter":                         c.Snapshotter,
		"plugins/io.containerd.cri.v1.images/pinned_images/sandbox":               c.Sandbox,
		"plugins/io.containerd.cri.v1.runtime/containerd/default_runtime_name":    c.DefaultHandler,
		"plugins/io.containerd.cri.v1.runtime/cni/conf_dir":                       r.CNIConfDir,
		"plugins/io.containerd.cri.v1.runtime/cni/bin_dirs":                       strings.Join(r.CNIBinDirs, ","),
		"plugins/io.containerd.cri.v1.runtime/containerd/runtimes/runc/sandboxer": "podsandbox",
	} {
		if want, _ := under(dump, strings.Split(key, "/")); got != want {
			t.Errorf("%s: got %q, containerd says %q", key, got, want)
		}
	}
	for _, h := range c.Handlers {
		if h.Binary == nil || h.Binary.Error != "" || h.ShimBinary == nil || h.ShimBinary.Error != "" {
			t.Errorf("handler %s: got %+v", h.Name, h)
		}
	}
	testImages(ctx, t, n, r)
	testEndpoints(ctx, t, n, r)
}

// under is a value of nested tables as a setting shows it.
func under(tree map[string]any, key []string) (string, bool) {
	v, ok := tree[key[0]]
	if next, table := v.(map[string]any); table && len(key) > 1 {
		return under(next, key[1:])
	}
	if list, isList := v.([]any); isList {
		var parts []string
		for _, x := range list {
			parts = append(parts, fmt.Sprint(x))
		}
		return strings.Join(parts, ","), true
	}
	return fmt.Sprint(v), ok && len(key) == 1
}

// testImages: the CRI's images are those of containerd's namespace k8s.io, and
// its containers and sandboxes are those that containerd has there.
func testImages(ctx context.Context, t *testing.T, n Node, r *snapshot.Runtime) {
	var got []string
	for _, i := range r.Images {
		got = append(got, i.ID)
		got = append(got, i.Names...)
	}
	want, err := n.Lines(ctx, "ctr -n k8s.io images ls -q | grep -v @")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "images", got, want)
	var containers []string
	for _, x := range r.Containers {
		containers = append(containers, x.ID)
	}
	for _, x := range r.Sandboxes {
		containers = append(containers, x.ID)
	}
	if want, err = n.Lines(ctx, "ctr -n k8s.io containers ls -q"); err != nil {
		t.Fatal(err)
	}
	same(t, "containers", containers, want)
}

func testEndpoints(ctx context.Context, t *testing.T, n Node, r *snapshot.Runtime) {
	pids, err := n.Lines(ctx, "pidof containerd")
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Endpoints {
		if x.Path == r.Socket && (!x.Socket || !x.Listening || fmt.Sprint(x.PIDs) != "["+strings.Join(pids, " ")+"]") {
			t.Errorf("endpoint: got %+v, containerd is %v", x, pids)
		}
	}
}
