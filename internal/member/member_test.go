package member

import (
	"reflect"
	"testing"
)

const manifest = `apiVersion: v1
kind: Pod
metadata:
  name: etcd
spec:
  containers:
  - command:
    - etcd
    - --name=cp1
    - --data-dir=/var/lib/etcd
    - --listen-client-urls=https://10.0.0.5:2379,https://127.0.0.1:2379
    - --listen-metrics-urls=http://127.0.0.1:2381
    - --cert-file=/pki/etcd/server.crt
    - --key-file=/pki/etcd/server.key
    - --trusted-ca-file=/pki/etcd/ca.crt
    - --quota-backend-bytes=33554432
    env:
    - name: ETCD_QUOTA_BACKEND_BYTES
      value: "999"
    - name: ETCD_HEARTBEAT_INTERVAL
      value: "100"
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: data
    - mountPath: /pki/etcd
      name: certs
  volumes:
  - hostPath:
      path: /srv/etcd
    name: data
  - hostPath:
      path: /etc/kubernetes/pki/etcd
    name: certs
`

func TestParseManifest(t *testing.T) {
	c, ok := ParseManifest("/m/etcd.yaml", []byte(manifest))
	if !ok {
		t.Fatal("no etcd found")
	}
	want := Config{
		Name: "cp1", DataDir: "/srv/etcd", Manifest: "/m/etcd.yaml",
		Clients: []string{"https://127.0.0.1:2379", "https://10.0.0.5:2379"},
		Metrics: []string{"http://127.0.0.1:2381"},
		CA:      "/etc/kubernetes/pki/etcd/ca.crt",
		Pairs: []Pair{
			{"/etc/kubernetes/pki/etcd/healthcheck-client.crt", "/etc/kubernetes/pki/etcd/healthcheck-client.key"},
			{"/etc/kubernetes/pki/apiserver-etcd-client.crt", "/etc/kubernetes/pki/apiserver-etcd-client.key"},
			{"/etc/kubernetes/pki/etcd/server.crt", "/etc/kubernetes/pki/etcd/server.key"},
		},
		Quota: 32 << 20, QuotaSource: "/m/etcd.yaml", QuotaLine: 16,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if got := c.DB(); got != "/srv/etcd/member/snap/db" {
		t.Errorf("DB: got %q", got)
	}
}

func TestFromArgs(t *testing.T) {
	tests := map[string]struct {
		args  []string
		quota int64
		dir   string
		url   string
	}{
		"default":     {[]string{"etcd"}, DefaultQuota, "default.etcd", "http://127.0.0.1:2379"},
		"two words":   {[]string{"etcd", "--quota-backend-bytes", "5", "-data-dir", "/d"}, 5, "/d", "http://127.0.0.1:2379"},
		"zero":        {[]string{"etcd", "--quota-backend-bytes=0"}, DefaultQuota, "default.etcd", "http://127.0.0.1:2379"},
		"switched":    {[]string{"etcd", "--quota-backend-bytes=-1"}, -1, "default.etcd", "http://127.0.0.1:2379"},
		"any address": {[]string{"etcd", "--listen-client-urls=https://0.0.0.0:2379"}, DefaultQuota, "default.etcd", "https://127.0.0.1:2379"},
		"any of v6":   {[]string{"etcd", "--listen-client-urls=https://[::]:2379"}, DefaultQuota, "default.etcd", "https://[::1]:2379"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := FromArgs(tt.args)
			if c.Quota != tt.quota || c.DataDir != tt.dir || c.Clients[0] != tt.url {
				t.Errorf("got %d %s %v, want %d %s %s", c.Quota, c.DataDir, c.Clients, tt.quota, tt.dir, tt.url)
			}
		})
	}
}

func TestOtherPodsAreNotEtcd(t *testing.T) {
	for _, text := range []string{"", "a: [", "spec: {containers: [{command: [sleep, --etcd]}]}", "spec: {containers: 3}"} {
		if c, ok := ParseManifest("x", []byte(text)); ok {
			t.Errorf("%q: got %+v", text, c)
		}
	}
}

func TestAPIServerPair(t *testing.T) {
	c := Config{}
	c.APIServer([]byte("spec: {containers: [{command: [kube-apiserver, --etcd-certfile=/a, --etcd-keyfile=/b, --etcd-cafile=/c]}]}"))
	if c.CA != "/c" || len(c.Pairs) != 1 || c.Pairs[0] != (Pair{"/a", "/b"}) {
		t.Errorf("got %+v", c)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(manifest))
	f.Fuzz(func(_ *testing.T, data []byte) {
		c, ok := ParseManifest("m", data)
		if ok {
			c.APIServer(data)
		}
	})
}
