package image

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseRelease(t *testing.T) {
	for _, c := range []struct {
		text string
		want Release
	}{
		{"ID=debian\nVERSION_CODENAME=bookworm\n", Release{"debian", "bookworm"}},
		{"NAME=\"Ubuntu\"\nID=ubuntu\nVERSION_CODENAME='noble'\n", Release{"ubuntu", "noble"}},
		{"", Release{}},
	} {
		if got := parseRelease(c.text); got != c.want {
			t.Errorf("%q: got %+v, want %+v", c.text, got, c.want)
		}
	}
}

func TestHostReleaseRefusesWhatItDoesNotKnow(t *testing.T) {
	root := t.TempDir()
	if _, err := HostRelease(root); err == nil {
		t.Error("no os-release is no error")
	}
	os.Mkdir(filepath.Join(root, "etc"), 0o755)
	os.WriteFile(filepath.Join(root, "etc/os-release"), []byte("ID=arch\n"), 0o644)
	if _, err := HostRelease(root); err == nil || !strings.Contains(err.Error(), `"arch"`) {
		t.Errorf("got %v, want an error that names the distribution", err)
	}
}

func TestPickPatch(t *testing.T) {
	list := "k8s.io/kubernetes v1.36.0-rc.1 v1.36.0 v1.36.9 v1.36.10 v1.36.11-rc.0 v1.37.0\n"
	if got, err := pickPatch(list, "36"); err != nil || got != "v1.36.10" {
		t.Errorf("got %q, %v; want v1.36.10", got, err)
	}
	if _, err := pickPatch(list, "3"); err == nil {
		t.Error("a minor that is not there is no error")
	}
}

func TestResolveWithoutTheNetwork(t *testing.T) {
	for asked, want := range map[string]string{"": KubernetesVersion, "v1.36.1": "v1.36.1", "1.35.2": "v1.35.2",
		strings.Join(strings.Split(KubernetesVersion, ".")[:2], "."): KubernetesVersion} {
		if got, err := Resolve(t.Context(), t.TempDir(), asked); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", asked, got, err, want)
		}
	}
	for _, asked := range []string{"latest", "v2.0", "v1", "1.36.x", "v1.36.1-rc.0"} {
		if _, err := Resolve(t.Context(), t.TempDir(), asked); err == nil {
			t.Errorf("%q is no error", asked)
		}
	}
}

func TestPinnedModuleReplacesStaging(t *testing.T) {
	got := string(pinnedModule(`module k8s.io/kubernetes
require (
	github.com/x/y v0.0.0
	k8s.io/api v0.0.0
	k8s.io/klog/v2 v2.1.0
)
replace (
	k8s.io/api => ./staging/src/k8s.io/api
	k8s.io/kubectl => ./staging/src/k8s.io/kubectl
)
`, "v1.36.1"))
	for _, want := range []string{"require k8s.io/kubernetes v1.36.1\n", "replace k8s.io/api => k8s.io/api v0.36.1\n",
		"replace k8s.io/kubectl => k8s.io/kubectl v0.36.1\n"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("not once %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "klog") {
		t.Errorf("klog is replaced in\n%s", got)
	}
}

func TestEveryComponentHasItsSources(t *testing.T) {
	for _, c := range components(KubernetesVersion) {
		files := c.sources()
		if len(files["go.mod"]) == 0 {
			t.Errorf("%s has no go.mod", c.name)
		}
		if c.minutes > 0 && len(files["go.sum"]) == 0 {
			t.Errorf("%s has no go.sum", c.name)
		}
		if bytes.Contains(files["main.go"], []byte("go:build ignore")) {
			t.Errorf("%s would not be compiled", c.name)
		}
	}
}

func TestKeysFollowTheVersion(t *testing.T) {
	r := Recipe{Kubernetes: KubernetesVersion, Release: Release{"debian", "bookworm"}, Cache: "/c"}
	other := r
	other.Kubernetes = "v1.36.1"
	if r.Image() != r.Image() || r.Image().Key == other.Image().Key || r.baseKey() != other.baseKey() {
		t.Errorf("keys are %q and %q", r.Image().Key, other.Image().Key)
	}
}

func TestWriteNodeReplacesAndKeeps(t *testing.T) {
	var base bytes.Buffer
	w := tar.NewWriter(&base)
	for name, text := range map[string]string{"./etc/machine-id": "old", "./etc/passwd": "root", "./dev/null": ""} {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text))})
		io.WriteString(w, text)
	}
	w.Close()
	var out bytes.Buffer
	if err := writeNode(&out, &base, fakePrograms(t)); err != nil {
		t.Fatal(err)
	}
	got := names(t, &out)
	for _, want := range []string{"./etc/passwd", "etc/machine-id", "usr/bin/kubeadm", "opt/cni/bin/bridge", "usr/local/sbin/node-entry"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if slices.Contains(got, "./etc/machine-id") || slices.Contains(got, "./dev/null") {
		t.Errorf("kept what is replaced: %q", got)
	}
	if err := writeNode(io.Discard, bytes.NewReader(nil), programs{}); err == nil {
		t.Error("missing programs are no error")
	}
}

func fakePrograms(t *testing.T) programs {
	t.Helper()
	p := programs{}
	path := filepath.Join(t.TempDir(), "program")
	os.WriteFile(path, []byte("ELF"), 0o755)
	for _, f := range nodeFiles() {
		if f.program != "" {
			p[f.program] = path
		}
	}
	return p
}

func names(t *testing.T, r io.Reader) []string {
	t.Helper()
	var list []string
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h.Name)
	}
}

func TestPackerWritesALayoutOnce(t *testing.T) {
	var out bytes.Buffer
	p := &packer{out: tar.NewWriter(&out), temp: t.TempDir(), done: map[string]bool{}, layers: map[string]descriptor{}}
	text := func(w io.Writer) error { _, err := io.WriteString(w, "same"); return err }
	for _, name := range []string{"kube", "netfilter", "pause", "etcd", "coredns", "canary"} {
		if err := p.addLayer(name, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.addImages(containerImages(KubernetesVersion)); err != nil {
		t.Fatal(err)
	}
	p.out.Close()
	index := out.String()
	for _, i := range containerImages(KubernetesVersion) {
		if !strings.Contains(index, `"io.containerd.image.name":"`+i.name+`"`) {
			t.Errorf("the index does not name %s", i.name)
		}
	}
	got := names(t, &out)
	slices.Sort(got)
	if len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("a blob is there twice: %q", got)
	}
}
