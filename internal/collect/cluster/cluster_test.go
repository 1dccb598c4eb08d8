package cluster

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func put(t *testing.T, root, name string, data []byte) {
	t.Helper()
	sourcetest.File(t, root, name, string(data), 0o600)
}

// db is the file of package store: five nodes, a lease, and more.
func db(t *testing.T) []byte {
	t.Helper()
	z, err := os.ReadFile("../etcd/store/testdata/full.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(z))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const kubeconfigText = `current-context: a
contexts: [{name: a, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "SERVER", certificate-authority-data: CA}}]
users: [{name: u, user: {token: TOKEN}}]
`

func kubeconfig(t *testing.T, root, name, server string, ca []byte, token string) {
	t.Helper()
	text := strings.NewReplacer("SERVER", server, "CA", base64.StdEncoding.EncodeToString(ca), "TOKEN", token).Replace(kubeconfigText)
	put(t, root, name, []byte(text))
}

// envelope is an object as the API server sends and stores it.
func envelope(t *testing.T, kind string, o interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	raw, err := o.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	u := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: kind}, Raw: raw}
	data, err := u.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte("k8s\x00"), data...)
}

const clusterConfiguration = "kubernetesVersion: v1.37.2\ncontrolPlaneEndpoint: cp:6443\nnetworking:\n  dnsDomain: cluster.local\n  podSubnet: 10.1.0.0/16\n  serviceSubnet: 10.2.0.0/16\n"

// server answers as an API server does to the token good; to a kubelet's
// token it denies the lists that a kubelet is denied.
func server(t *testing.T) *httptest.Server {
	t.Helper()
	lists := map[string][]byte{
		"/api/v1/nodes": envelope(t, "NodeList", &corev1.NodeList{Items: []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, {ObjectMeta: metav1.ObjectMeta{Name: "n2"}}}}),
		"/api/v1/namespaces/kube-system/configmaps/kubeadm-config": envelope(t, "ConfigMap", &corev1.ConfigMap{Data: map[string]string{"ClusterConfiguration": clusterConfiguration}}),
		"/apis/helm.toolkit.fluxcd.io/v2beta1/helmreleases":        []byte(`{"items":[{"apiVersion":"helm.toolkit.fluxcd.io/v2beta1","kind":"HelmRelease","metadata":{"namespace":"shop","name":"web"}}]}`),
		"/api/v1/namespaces/kube-system/configmaps/kube-proxy":     envelope(t, "ConfigMap", &corev1.ConfigMap{Data: map[string]string{"config.conf": "mode: \"\"\n"}}),
	}
	var looks atomic.Int32
	handler := func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		own := r.URL.Query().Get("fieldSelector") == "metadata.name=n1"
		switch {
		case token == "bad":
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, "selfsubjectreviews"):
			w.WriteHeader(http.StatusCreated)
			name := map[bool]string{true: "system:node:n1", false: "kubernetes-admin"}[token == "kubelet"]
			fmt.Fprintf(w, `{"status":{"userInfo":{"username":%q}}}`, name)
		case r.URL.Path == "/metrics" && token != "kubelet":
			n := looks.Add(1)
			fmt.Fprintf(w, "%s_sum{verb=\"PUT\"} %d\n%[1]s_count{verb=\"PUT\"} %[2]d\n", metricRequests, n)
		case r.URL.Path == "/metrics":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/readyz":
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprint(w, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n")
		case r.URL.Path == "/api/v1/nodes/n1":
			w.WriteHeader(http.StatusOK)
		case r.Method == http.MethodPost && r.URL.Query().Get("dryRun") == "All":
			w.WriteHeader(http.StatusInternalServerError)
			w.Write(envelope(t, "Status", &metav1.Status{Message: "failed calling webhook"}))
		case token == "kubelet" && r.URL.Path == "/api/v1/nodes" && !own:
			w.WriteHeader(http.StatusForbidden)
		case lists[r.URL.Path] != nil:
			w.Write(lists[r.URL.Path])
		case strings.Contains(r.URL.Path, ".fluxcd.io/"):
			w.WriteHeader(http.StatusNotFound)
		default:
			w.Write(envelope(t, "List", &corev1.PodList{}))
		}
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	srv.EnableHTTP2 = true // as an API server: one connection for all
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func ca(srv *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
}

func run(t *testing.T, root string) (*snapshot.Cluster, *source.Env, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	e, s := source.New(root, true), &snapshot.Snapshot{Node: "n1"}
	err := collect(ctx, e, s)
	return s.Cluster, e, err
}

func TestFromAPI(t *testing.T) {
	srv, root := server(t), t.TempDir()
	kubeconfig(t, root, "/etc/kubernetes/admin.conf", srv.URL, ca(srv), "bad")
	kubeconfig(t, root, "/etc/kubernetes/super-admin.conf", srv.URL, ca(srv), "good")
	c, _, err := run(t, root)
	if err != nil {
		t.Fatal(err)
	}
	if c.Source != "api" || len(c.Nodes) != 2 || c.Nodes[1].Name != "n2" {
		t.Errorf("got %+v", c)
	}
	if g := c.GitOps; len(g) != 1 || g[0].Version != "v2beta1" || g[0].Name != "web" {
		t.Errorf("of an older Flux: got %+v", g)
	}
	a := c.API
	if !a.Reachable || a.Ready || !slices.Equal(a.Failing, []string{"etcd"}) || a.Identity != "kubernetes-admin" || len(a.LatencyMs) != reads || a.Write != "500: failed calling webhook" {
		t.Errorf("API: got %+v", a)
	}
	if w := a.Writes; w == nil || w.Recent != 1 || w.RecentMs != 1000 || w.Total != 2 || w.WindowMs < 500 {
		t.Errorf("writes: got %+v", w)
	}
	if !strings.Contains(a.Error, "does not accept the credentials of /etc/kubernetes/admin.conf") {
		t.Errorf("the refused kubeconfig is not told: %q", a.Error)
	}
	for k, want := range map[string]string{"podSubnet": "10.1.0.0/16", "serviceSubnet": "10.2.0.0/16", "dnsDomain": "cluster.local", "controlPlaneEndpoint": "cp:6443", "kubernetesVersion": "v1.37.2", "proxyMode": "iptables"} {
		if got := c.Settings[k]; got != want {
			t.Errorf("%s: got %q, want %q", k, got, want)
		}
	}
}

func TestKubeletSeesItsOwnNode(t *testing.T) {
	srv, root := server(t), t.TempDir()
	kubeconfig(t, root, "/etc/kubernetes/kubelet.conf", srv.URL, ca(srv), "kubelet")
	c, _, err := run(t, root)
	if err != nil {
		t.Fatal(err)
	}
	if c.API.Writes != nil {
		t.Errorf("writes that were denied: got %+v", c.API.Writes)
	}
	if !slices.Contains(c.API.Denied, "nodes") || len(c.Nodes) == 0 {
		t.Errorf("without kube-proxy: denied %v, nodes %+v", c.API.Denied, c.Nodes)
	}
	claims := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"` + proxyAccount + `"}`))
	put(t, root, "/var/lib/kubelet/pods/u/volumes/kubernetes.io~projected/kube-api-access-x/token", []byte("h."+claims+".s"))
	c, _, err = run(t, root)
	if err != nil || len(c.API.Denied) != 0 || len(c.Nodes) != 2 {
		t.Errorf("with kube-proxy: denied %v, nodes %d, %v", c.API.Denied, len(c.Nodes), err)
	}
}

func TestFallsBackToTheFile(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "https://" + closed.Addr().String()
	closed.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	srv := server(t)
	tests := map[string]struct {
		url  string
		most time.Duration
	}{"refused": {refused, 1400 * time.Millisecond}, "silent": {"https://" + silent.Addr().String(), 2800 * time.Millisecond}}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			kubeconfig(t, root, "/etc/kubernetes/admin.conf", tt.url, ca(srv), "good")
			kubeconfig(t, root, "/etc/kubernetes/kubelet.conf", tt.url, ca(srv), "good")
			put(t, root, "/var/lib/etcd/member/snap/db", db(t))
			put(t, root, "/etc/kubernetes/manifests/etcd.yaml", []byte("spec: {containers: [{command: [etcd, --data-dir=/var/lib/etcd, '--listen-client-urls="+strings.Replace(refused, "https", "http", 1)+"']}]}"))
			start := time.Now()
			c, e, err := run(t, root)
			if took := time.Since(start); took > tt.most {
				t.Errorf("took %v, want at most %v", took, tt.most)
			}
			if err != nil || c.Source != "etcd-file" || len(c.Nodes) != 5 || c.Nodes[0].Ready != "True" || len(c.Leases) != 1 {
				t.Fatalf("got %+v, %v", c, err)
			}
			if c.API.Reachable || c.API.Error == "" || c.API.URL != tt.url || len(e.Gaps()) == 0 {
				t.Errorf("API: got %+v, gaps %v", c.API, e.Gaps())
			}
		})
	}
}

func TestNothingIsAnError(t *testing.T) {
	if c, _, err := run(t, t.TempDir()); c != nil || err == nil {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestNoSecretIsWanted(t *testing.T) {
	for _, k := range kinds {
		if strings.Contains(k.path+k.prefix, "secrets") {
			t.Errorf("%s reads secrets", k.name)
		}
	}
	for key, want := range map[string]bool{"/registry/secrets/a/b": false, "/registry/pods/a/b": true, "/registry/configmaps/kube-system/kube-proxy": true, "/registry/configmaps/kube-system/kube-proxy-2": false} {
		if wanted(key) != want {
			t.Errorf("%s: got %t", key, !want)
		}
	}
}

func FuzzStored(f *testing.F) {
	f.Add([]byte("k8s\x00\n\x0c\n\x02v1\x12\x06Secret\x12\x04\n\x02\n\x00"), []byte("[-]etcd failed"))
	f.Fuzz(func(_ *testing.T, value, text []byte) {
		var list []pair
		for _, k := range kinds {
			list = append(list, pair{k.prefix, value})
		}
		_ = decode(&snapshot.Cluster{}, list, "n1")
		failing(text)
		message(500, text)
		subject(string(text))
	})
}
