package bundle

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/klustered/klustered/snapshot"
)

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func sample() *snapshot.Snapshot {
	return &snapshot.Snapshot{Version: 1, Node: "cp-west", At: at, Tool: "v0",
		Host: &snapshot.Host{Hostname: "cp-west", Sysctls: map[string]string{"net.ipv4.ip_forward": "1"}},
		Cluster: &snapshot.Cluster{Nodes: []snapshot.Node{{Name: "cp-west", Addresses: []string{"10.1.2.3"}, PodCIDRs: []string{"10.1.0.0/16"}}},
			Pods: []snapshot.Pod{{Namespace: "shop", Name: "cart-7f", IP: "10.1.9.9"}}},
		Persistence: &snapshot.Persistence{Entries: []snapshot.Persistent{{Command: "curl -H 'Authorization: Bearer abcdef123456' https://u:hunter22@10.1.2.3/", Text: "DB_PASSWORD=topsecret run shop on cp-west"}}},
		Gaps:        []snapshot.Gap{{Section: "logs", Source: "x", Reason: "y"}},
		Timing:      []snapshot.Timing{{Name: "host", Ms: 1.5}}}
}

func packed(t *testing.T, o Options, snaps ...*snapshot.Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, snaps, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	s := sample()
	b, err := Open(bytes.NewReader(packed(t, Options{Created: at, Tool: "v1", Note: "a drill", Level: Nothing}, s)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(b.Snapshots[0], s) {
		t.Errorf("got %+v, want %+v", b.Snapshots[0], s)
	}
	m := b.Manifest
	if m.Tool != "v1" || m.Note != "a drill" || m.Redacted != Nothing || len(m.Nodes) != 1 || m.Nodes[0].Timings[0].Ms != 1.5 {
		t.Errorf("manifest %+v", m)
	}
}

// archive makes a bundle by hand.
func archive(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z, _ := zstd.NewWriter(&b)
	w := tar.NewWriter(z)
	for i := 0; i < len(files); i += 2 {
		if err := put(w, files[i], []byte(files[i+1]), at); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	z.Close()
	return b.Bytes()
}

func TestOpenRefuses(t *testing.T) {
	whole := packed(t, Options{Created: at}, sample())
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"not_zstd", []byte("hello"), "cannot read the bundle"},
		{"cut_short", whole[:len(whole)/2], "cannot read the bundle"},
		{"no_manifest", archive(t, "x", "y"), "no manifest.json"},
		{"other_format", archive(t, "manifest.json", `{"format":"x"}`), `format is "x"`},
		{"newer_major", archive(t, "manifest.json", `{"format":"klustered-bundle","major":9,"tool":"v9"}`), "newer klustered (v9)"},
		{"entry_missing", archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"nodes":[{"path":"p"}]}`), "missing"},
		{"entry_damaged", archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"nodes":[{"path":"p","sha256":"00"}]}`, "p", "{}"), "damaged"},
		{"manifest_broken", archive(t, "manifest.json", `{`), "manifest.json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(bytes.NewReader(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// A newer minor version has fields and entries that are not known here.
func TestOpenReadsNewerMinor(t *testing.T) {
	body := `{"version":1,"node":"a","sky":{"blue":true}}`
	data := archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"minor":7,"mood":"fine","nodes":[{"node":"a","path":"p","sha256":"`+sum(body)+`"}]}`,
		"p", body, "raw/extra", "z")
	b, err := Open(bytes.NewReader(data))
	if err != nil || b.Snapshots[0].Node != "a" {
		t.Errorf("%v, %v", b, err)
	}
}

func TestRedact(t *testing.T) {
	for _, tt := range []struct {
		level Level
		gone  []string
		stay  []string
	}{
		{Nothing, nil, []string{"abcdef123456", "topsecret", "10.1.2.3", "cp-west"}},
		{Secrets, []string{"abcdef123456", "topsecret", "hunter22"}, []string{"10.1.2.3", "cp-west", "shop"}},
		{Addresses, []string{"topsecret", "10.1.2.3"}, []string{"cp-west", "shop"}},
		{Names, []string{"topsecret", "10.1.2.3", "cp-west", "shop", "cart-7f"}, []string{"net.ipv4.ip_forward"}},
	} {
		t.Run(string(tt.level), func(t *testing.T) {
			s := sample()
			before, _ := json.Marshal(s)
			list, err := Redact([]*snapshot.Snapshot{s}, tt.level)
			if err != nil {
				t.Fatal(err)
			}
			out, _ := json.Marshal(list[0])
			for _, x := range tt.gone {
				if strings.Contains(string(out), x) {
					t.Errorf("%q is still there: %s", x, out)
				}
			}
			for _, x := range tt.stay {
				if !strings.Contains(string(out), x) {
					t.Errorf("%q is gone: %s", x, out)
				}
			}
			if after, _ := json.Marshal(s); !bytes.Equal(before, after) {
				t.Error("the snapshot given was changed")
			}
		})
	}
}

func TestRedactKeepsNetworks(t *testing.T) {
	list, err := Redact([]*snapshot.Snapshot{sample()}, Names)
	if err != nil {
		t.Fatal(err)
	}
	n := list[0].Cluster.Nodes[0]
	cidr, err := netip.ParsePrefix(n.PodCIDRs[0])
	if err != nil {
		t.Fatal(err)
	}
	if !cidr.Contains(netip.MustParseAddr(list[0].Cluster.Pods[0].IP)) {
		t.Errorf("%s does not hold %s", cidr, list[0].Cluster.Pods[0].IP)
	}
	if n.Name != list[0].Node {
		t.Errorf("node is %q here and %q there", n.Name, list[0].Node)
	}
}

func TestRedactKeepsWhatIsNoSecret(t *testing.T) {
	key := []byte("k")
	for _, s := range []string{"--client-ca-file=/etc/kubernetes/pki/ca.crt", "automountServiceAccountToken: false", "token: sha256:0011223344", "v1.37.2", "kind: Secret",
		"--service-account-key-file=/etc/kubernetes/pki/sa.pub", `"secretName": "x"`, "10.1.2.3:6443"} {
		if got := secrets(key, s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{"token: abcdef.0123456789abcdef", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl", `"password":"hunter22"`,
		"-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----"} {
		if got := secrets(key, s); !strings.Contains(got, "<redacted-") {
			t.Errorf("%q stayed %q", s, got)
		}
	}
}

func TestAddressesShareTheirPrefix(t *testing.T) {
	a := &addresses{key: []byte("k")}
	x, y := netip.MustParseAddr(a.one("10.96.0.1")), netip.MustParseAddr(a.one("10.96.0.10"))
	p, _ := x.Prefix(28)
	if !p.Contains(y) || x == y {
		t.Errorf("%s and %s", x, y)
	}
	for _, keep := range []string{"127.0.0.1", "0.0.0.0", "255.255.255.0", "169.254.1.1", "999.1.1.1"} {
		if got := a.one(keep); got != keep {
			t.Errorf("%s became %s", keep, got)
		}
	}
	if got := a.replace("fd00:10:244::5 and 5:06:07"); strings.Contains(got, "fd00:10:244::5") || !strings.Contains(got, "5:06:07") {
		t.Errorf("got %q", got)
	}
}

func TestUnknownLevel(t *testing.T) {
	if _, err := Redact(nil, "some"); err == nil {
		t.Error("no error")
	}
}

func FuzzOpen(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, []*snapshot.Snapshot{sample()}, Options{Created: at}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := Open(bytes.NewReader(data)); err == nil && len(b.Snapshots) != len(b.Manifest.Nodes) {
			t.Error("snapshots and manifest differ")
		}
	})
}

func FuzzRedact(f *testing.F) {
	f.Add("password=x 10.0.0.1 fd00::1 token: abcdef.0123456789abcdef")
	f.Fuzz(func(t *testing.T, s string) {
		a := &addresses{key: []byte("k")}
		once := a.replace(secrets([]byte("k"), s))
		_ = once
	})
}

func sum(body string) string {
	s := sha256.Sum256([]byte(body))
	return hex.EncodeToString(s[:])
}
