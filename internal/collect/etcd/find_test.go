package etcd

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
)

const etcdPod = "spec:\n  containers:\n  - command: [etcd, --name=cp1, --data-dir=/srv/etcd, '--listen-client-urls=http://127.0.0.1:2399']\n"

// TestFind: the member is found wherever the kubelet looks for static pods, and
// not where it looks no more.
func TestFind(t *testing.T) {
	const kubeletConfig, unit = "/var/lib/kubelet/config.yaml", "/etc/systemd/system/kubelet.service"
	const service = "[Service]\nExecStart=/usr/bin/kubelet --config=" + kubeletConfig + "\n"
	config := func(dir string) string {
		return "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: " + dir + "\n"
	}
	for name, tt := range map[string]struct {
		files map[string]string
		data  string
	}{
		"kubeadm's folder":   {map[string]string{"/etc/kubernetes/manifests/etcd.yaml": etcdPod}, "/srv/etcd"},
		"another folder":     {map[string]string{unit: service, kubeletConfig: config("/srv/pods"), "/srv/pods/x.yaml": etcdPod}, "/srv/etcd"},
		"a folder of before": {map[string]string{unit: service, kubeletConfig: config("/srv/pods"), "/srv/pods/x.yaml": "spec: {}\n", "/etc/kubernetes/manifests/etcd.yaml": etcdPod}, ""},
		"the usual data":     {map[string]string{"/var/lib/etcd/member/snap/db": ""}, "/var/lib/etcd"},
		"a server's data":    {map[string]string{"/var/lib/rancher/k3s/server/db/etcd/member/snap/db": ""}, "/var/lib/rancher/k3s/server/db/etcd"},
		"nothing":            {nil, ""},
	} {
		root := t.TempDir()
		for file, text := range tt.files {
			put(t, root, file, []byte(text))
		}
		e := source.New(root, false)
		cfg, ok := Find(t.Context(), e)
		if ok != (tt.data != "") || cfg.DataDir != tt.data || len(e.Gaps()) > 0 {
			t.Errorf("%s: %v, %+v", name, ok, cfg)
		}
		if name == "a server's data" && (cfg.Clients[0] != "https://127.0.0.1:2379" || cfg.CA != "/var/lib/rancher/k3s/server/tls/etcd/server-ca.crt") {
			t.Errorf("%s: %+v", name, cfg)
		}
	}
}

// TestFindProcess: a member that a unit runs is found by its arguments, on this
// machine itself.
func TestFindProcess(t *testing.T) {
	cache, err := os.UserCacheDir()
	all, _ := filepath.Glob(filepath.Join(cache, "klustered", "bin", "etcd-*", "etcd"))
	if testing.Short() || err != nil || len(all) == 0 {
		t.Skip("no etcd has been built for the lab")
	}
	e := source.New("/", true)
	if cfg, ok := Find(t.Context(), e); ok {
		t.Skipf("this machine has a member of its own: %+v", cfg)
	}
	data, url, peer := filepath.Join(t.TempDir(), "data"), free(t), free(t)
	c := exec.Command(all[len(all)-1], "--data-dir="+data, "--listen-client-urls="+url, "--advertise-client-urls="+url, "--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	other := ""
	for over := time.Now().Add(10 * time.Second); time.Now().Before(over); time.Sleep(50 * time.Millisecond) {
		cfg, ok := Find(t.Context(), e)
		if ok && cfg.DataDir == data {
			if !slices.Equal(cfg.Clients, []string{url}) {
				t.Errorf("got %+v", cfg)
			}
			return
		}
		other = cfg.DataDir
	}
	if other != "" { // other tests run etcd too
		t.Skipf("another member runs here, in %s", other)
	}
	t.Error("not found")
}

// free is an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}
