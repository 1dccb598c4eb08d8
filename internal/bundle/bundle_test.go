package bundle

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/klauspost/compress/zstd"

	"github.com/klustered/klustered/internal/collect/raw"
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

// part is a node with raw evidence.
func part() Part {
	return Part{Snapshot: sample(), Clock: &Clock{OffsetMs: -1500, ErrorMs: 20}, Raw: []raw.File{
		{Source: "/etc/hosts", Data: []byte("10.1.2.3 cp-west\n")},
		{Source: "journal:kubelet.service", Data: []byte("password=topsecret\n"), Cut: true},
		{Source: "/etc/../../hosts", Data: nil},
	}}
}

func packed(t *testing.T, o Options, parts ...Part) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, parts, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	s := sample()
	b, err := Open(bytes.NewReader(packed(t, Options{Created: at, Tool: "v1", Note: "a drill", Level: Nothing}, Part{Snapshot: s})))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(b.Parts[0].Snapshot, s) {
		t.Errorf("got %+v, want %+v", b.Parts[0].Snapshot, s)
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

// crowd is the beginning of a snapshot that would take gigabytes.
var crowd = `{"processes":{"list":[` + strings.Repeat("{},", maxElements) + `{}]}}`

func TestCount(t *testing.T) {
	for data, want := range map[string][2]int{
		`{"a":[1,2,{"b":"x,[\",y"}],"c":[]}`: {4, 7}, `[]`: {1, 1}, `{"a,b":"\\","c":1}`: {0, 2}, `]}]`: {0, 0}, `"\`: {0, 0}, ``: {0, 0},
	} {
		if e, v := count([]byte(data)); e != want[0] || v != want[1] {
			t.Errorf("%s: %d elements, %d values, want %v", data, e, v, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	whole := packed(t, Options{Created: at}, part())
	for _, tt := range []struct {
		name string
		data []byte
		want string
	}{
		{"not_zstd", []byte("hello"), "not a klustered bundle"},
		{"cut_short", whole[:len(whole)/2], "cannot read the bundle"},
		{"no_manifest", archive(t, "x", "y"), "no manifest.json"},
		{"other_format", archive(t, "manifest.json", `{"format":"x"}`), `format is "x"`},
		{"newer_major", archive(t, "manifest.json", `{"format":"klustered-bundle","major":9,"tool":"v9"}`), "newer klustered (v9)"},
		{"entry_missing", archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"nodes":[{"path":"p"}]}`), "missing"},
		{"entry_damaged", archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"nodes":[{"path":"p","sha256":"00"}]}`, "p", "{}"), "damaged"},
		{"manifest_crowded", archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"nodes":[`+strings.Repeat("{},", maxElements)+`{}]}`), "more than a bundle may hold"},
		{"snapshot_crowded", archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"nodes":[{"path":"p","sha256":"`+sum(crowd)+`"}]}`, "p", crowd), "more than a bundle may hold"},
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

func TestRawEvidence(t *testing.T) {
	data := packed(t, Options{Created: at, Level: Names}, part())
	b, err := Open(bytes.NewReader(data))
	if err != nil || len(b.Parts[0].Raw) != 0 || len(b.Manifest.Nodes[0].Raw) != 3 {
		t.Fatalf("%+v, %v", b, err)
	}
	b, err = Key{Raw: true}.Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	p, e := b.Parts[0], b.Manifest.Nodes[0]
	if *p.Clock != *part().Clock || len(p.Raw) != 3 || p.Raw[0].Source != "/etc/hosts" || !p.Raw[1].Cut || len(p.Raw[2].Data) != 0 {
		t.Errorf("got %+v", p)
	}
	if s := string(p.Raw[0].Data); strings.Contains(s, "cp-west") || strings.Contains(s, "10.1.2.3") || !strings.Contains(s, "node-1") {
		t.Errorf("names are in the raw evidence: %q", s)
	}
	if s := string(p.Raw[1].Data); strings.Contains(s, "topsecret") {
		t.Errorf("a secret is in the raw evidence: %q", s)
	}
	for i, want := range []string{"nodes/000/raw/etc/hosts", "nodes/000/raw/journal/kubelet.service", "nodes/000/raw/hosts"} {
		if e.Raw[i].Path != want {
			t.Errorf("%s lies at %s, want %s", e.Raw[i].Source, e.Raw[i].Path, want)
		}
	}
}

func TestRawNameStaysInside(t *testing.T) {
	for source, want := range map[string]string{"../../etc/x": "/etc/x", "": "/", "journal:../../x": "/x", "a\x00b": "/a_b", "/a:b/c": "/a:b/c"} {
		if got := rawName(source); got != want {
			t.Errorf("%q lies at %q, want %q", source, got, want)
		}
	}
}

func TestEncrypted(t *testing.T) {
	mine, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	data := packed(t, Options{Created: at, Recipients: []age.Recipient{mine.Recipient()}}, part())
	if _, err := Open(bytes.NewReader(data)); !errors.Is(err, ErrLocked) {
		t.Errorf("without an identity: %v", err)
	}
	if _, err := (Key{Identities: []age.Identity{other}}).Open(bytes.NewReader(data)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with another's: %v", err)
	}
	b, err := Key{Identities: []age.Identity{other, mine}}.Open(bytes.NewReader(data))
	if err != nil || !b.Encrypted || b.Parts[0].Snapshot.Node != "cp-west" {
		t.Errorf("%+v, %v", b, err)
	}
	var armored bytes.Buffer
	w := armor.NewWriter(&armored)
	w.Write(data)
	w.Close()
	if b, err = (Key{Identities: []age.Identity{mine}}).Open(&armored); err != nil || !b.Encrypted {
		t.Errorf("in armour: %v", err)
	}
	if _, err := (Key{Identities: []age.Identity{mine}}).Open(bytes.NewReader(data[:len(data)-20])); err == nil {
		t.Error("a truncated file is read")
	}
}

// Strings in maps of structures, lists of lists and interfaces are redacted as
// well as others.
func TestWalkReachesEverything(t *testing.T) {
	type leaf struct{ Text string }
	x := struct {
		M map[string]leaf
		P map[string]*leaf
		L [][]string
		A any
	}{map[string]leaf{"x": {"x"}}, map[string]*leaf{"x": {"x"}}, [][]string{{"x"}}, []any{map[string]any{"x": "x"}}}
	walk(reflect.ValueOf(&x), func(string) string { return "y" })
	if got := fmt.Sprint(x.M, x.P["y"].Text, x.L, x.A); strings.Contains(got, "x") {
		t.Errorf("got %s", got)
	}
}

// A newer minor version has fields and entries that are not known here.
func TestOpenReadsNewerMinor(t *testing.T) {
	body := `{"version":1,"node":"a","sky":{"blue":true}}`
	data := archive(t, "manifest.json", `{"format":"klustered-bundle","major":1,"minor":7,"mood":"fine","nodes":[{"node":"a","path":"p","sha256":"`+sum(body)+`"}]}`,
		"p", body, "raw/extra", "z")
	b, err := Open(bytes.NewReader(data))
	if err != nil || b.Parts[0].Snapshot.Node != "a" {
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
			list, err := Redact([]Part{{Snapshot: s}}, tt.level)
			if err != nil {
				t.Fatal(err)
			}
			out, _ := json.Marshal(list[0].Snapshot)
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

// Where the API server is down, others know the names.
func TestRedactFindsNamesWithoutTheCluster(t *testing.T) {
	const log = "/var/log/pods/bank_ledger-0_0f1e/app_1/0.log"
	s := &snapshot.Snapshot{Node: "cp-west", Kubelet: &snapshot.Kubelet{NodeName: "west.example"},
		Runtime: &snapshot.Runtime{Sandboxes: []snapshot.Sandbox{{Namespace: "shop", Name: "cart-7f"}}, Containers: []snapshot.Container{{Namespace: "mail", Pod: "smtp-1"}}},
		Network: &snapshot.Network{Namespaces: []snapshot.NetNS{{Namespace: "news", Pod: "feed-2"}}},
		Logs:    &snapshot.Logs{Tails: []snapshot.LogTail{{Source: "/var/log/pods/bank_ledger-0_0f1e/app/0.log"}}}}
	text := "west.example shop cart-7f mail smtp-1 news feed-2 bank ledger-0"
	list, err := Redact([]Part{{Snapshot: s, Raw: []raw.File{{Source: "/x", Data: []byte(text), Error: "open " + log + " on cp-west at 10.1.2.3"}}}}, Names)
	if err != nil {
		t.Fatal(err)
	}
	f := list[0].Raw[0]
	for name := range strings.FieldsSeq(text + " cp-west 10.1.2.3") {
		if strings.Contains(string(f.Data)+f.Error, name) {
			t.Errorf("%q is still there: %s; %s", name, f.Data, f.Error)
		}
	}
}

func TestRedactKeepsNetworks(t *testing.T) {
	list, err := Redact([]Part{part()}, Names)
	if err != nil {
		t.Fatal(err)
	}
	n := list[0].Snapshot.Cluster.Nodes[0]
	cidr, err := netip.ParsePrefix(n.PodCIDRs[0])
	if err != nil {
		t.Fatal(err)
	}
	if !cidr.Contains(netip.MustParseAddr(list[0].Snapshot.Cluster.Pods[0].IP)) {
		t.Errorf("%s does not hold %s", cidr, list[0].Snapshot.Cluster.Pods[0].IP)
	}
	if n.Name != list[0].Snapshot.Node {
		t.Errorf("node is %q here and %q there", n.Name, list[0].Snapshot.Node)
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
	if got := a.replace("/cache/10.9.8.7_6443"); strings.Contains(got, "10.9.8.7") || !strings.HasSuffix(got, "_6443") {
		t.Errorf("got %q", got)
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
	if err := Write(&b, []Part{part()}, Options{Created: at}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("\x28\xb5\x2f\xfd"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := Open(bytes.NewReader(data)); err == nil && len(b.Parts) != len(b.Manifest.Nodes) {
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

func sum(body string) string { return sumOf([]byte(body)) }

// What is decoded is what encoding/json would have decoded, or refused.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"node":"a","gaps":[{"section":"host"}]}`))
	f.Add([]byte(`{"gaps":[{},{},[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want snapshot.Snapshot
		if err := decode(data, &got); err != nil {
			return
		}
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("decoded what is no JSON: %v", err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}
