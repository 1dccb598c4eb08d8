package encryption

import (
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

const config = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources:\n  - secrets\n  providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n"

func Test(t *testing.T) {
	faulttest.Run(t, Fault, faulttest.Broken(func(m *faulttest.Machine) {
		const name = "/etc/kubernetes/manifests/kube-apiserver.yaml"
		f, err := m.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Data = []byte(strings.Replace(string(f.Data), "    - kube-apiserver\n", "    - kube-apiserver\n    - --encryption-provider-config=/etc/kubernetes/pki/keys.yaml\n", 1))
		_ = m.WriteFile(name, f)
		_ = m.WriteFile("/etc/kubernetes/pki/keys.yaml", op.File{Data: []byte(config), Mode: 0o600})
		m.World.Etcd.Store = &snapshot.EtcdStore{PlainSecret: 3, Encrypted: map[string]int{"secrets aescbc:v1:key1": 2}}
	}))
}

// fields are those of a file with the entries, each "RESOURCES PROVIDERS".
func fields(entries ...string) []snapshot.Field {
	var out []snapshot.Field
	line := 3
	add := func(path, value string) {
		line++
		out = append(out, snapshot.Field{Path: path, Value: value, Line: line})
	}
	for i, e := range entries {
		names, providers, _ := strings.Cut(e, " ")
		at := "resources[" + string(rune('0'+i)) + "]"
		for j, n := range strings.Split(names, ",") {
			add(at+".resources["+string(rune('0'+j))+"]", n)
		}
		for j, p := range strings.Fields(providers) {
			kind, key, _ := strings.Cut(p, ":")
			path := at + ".providers[" + string(rune('0'+j)) + "]." + kind
			switch kind {
			case "identity":
				add(path, "{}")
			case "kms2":
				add(strings.TrimSuffix(path, "2")+".apiVersion", "v2")
				add(strings.TrimSuffix(path, "2")+".name", key)
			case "kms":
				add(path+".name", key)
			default:
				for k, x := range strings.Split(key, ",") {
					add(path+".keys["+string(rune('0'+k))+"].name", x)
					add(path+".keys["+string(rune('0'+k))+"].secret", "(secret)")
				}
			}
		}
	}
	return out
}

func node(store *snapshot.EtcdStore, file []snapshot.Field) *snapshot.Snapshot {
	c := snapshot.ManifestContainer{Name: "kube-apiserver", Command: "kube-apiserver", Line: 9}
	s := &snapshot.Snapshot{Etcd: &snapshot.Etcd{Store: store, Prefixes: []snapshot.EtcdPrefix{{Prefix: "/registry/configmaps/", Keys: 10}, {Prefix: "/registry/secrets/", Keys: 9}, {Prefix: "/registry/masterleases/", Keys: 1}}}, Static: &snapshot.Static{}}
	if file != nil {
		c.Flags = []snapshot.Flag{{Name: flagName, Value: "/keys.yaml", Line: 12}}
		s.Static.Named = []snapshot.NamedFile{{Manifest: "/m/a.yaml", Component: "kube-apiserver", Flag: flagName, Line: 12, Path: "/keys.yaml", Host: "/keys.yaml", Text: &snapshot.Text{Path: "/keys.yaml"}, Fields: file}}
	}
	s.Static.Manifests = []snapshot.Manifest{{Text: snapshot.Text{Path: "/m/a.yaml"}, Name: "kube-apiserver", Containers: []snapshot.ManifestContainer{c}}}
	return s
}

func TestDetect(t *testing.T) {
	type how = map[string]int
	for name, tt := range map[string]struct {
		encrypted how
		plain     int
		file      []snapshot.Field
		want      string
	}{
		"nothing is encrypted":              {nil, 9, nil, ""},
		"all by its key":                    {how{"secrets aescbc:v1:a": 9}, 0, fields("secrets aescbc:a"), ""},
		"by an older key":                   {how{"secrets aescbc:v1:a": 4, "secrets aescbc:v1:b": 5}, 0, fields("secrets aescbc:b,a identity"), ""},
		"on its way":                        {how{"secrets secretbox:v1:a": 4}, 5, fields("secrets secretbox:a identity"), ""},
		"on its way back":                   {how{"secrets secretbox:v1:a": 4}, 5, fields("secrets identity secretbox:a"), ""},
		"by a KMS":                          {how{"secrets kms:v2:vault": 9}, 0, fields("secrets kms2:vault"), ""},
		"by an older KMS":                   {how{"secrets kms:v1:vault": 9}, 0, fields("secrets kms:vault"), ""},
		"by a KMS of another version":       {how{"secrets kms:v1:vault": 9}, 0, fields("secrets kms2:vault"), `the kms key "vault"`},
		"all kinds":                         {how{"secrets aesgcm:v1:a": 9, "example.com/widgets aesgcm:v1:a": 2}, 0, fields("*.* aesgcm:a identity"), ""},
		"those of a group":                  {how{"deployments aesgcm:v1:a": 9}, 0, fields("secrets aescbc:b identity", "deployments.apps aesgcm:a identity"), ""},
		"a kind of its own":                 {how{"example.com/widgets aesgcm:v1:a": 2}, 0, fields("widgets.example.com aesgcm:a"), ""},
		"a kind of its own, by no key":      {how{"example.com/widgets aesgcm:v1:a": 2}, 0, fields("widgets.example.com aesgcm:b identity"), `2 widgets.example.com are encrypted by the aesgcm key "a"`},
		"no kind that is known":             {how{"services/specs aesgcm:v1:a": 2}, 0, fields("services aesgcm:a identity"), ""},
		"a form that is not known":          {how{"secrets unknown": 9}, 0, fields("secrets aescbc:a"), ""},
		"the flag is gone":                  {how{"secrets aescbc:v1:a": 9}, 0, nil, "it is started without --encryption-provider-config, and 9 secrets"},
		"the key is gone":                   {how{"secrets aescbc:v1:a": 9}, 0, fields("secrets aescbc:b identity"), `9 secrets are encrypted by the aescbc key "a"`},
		"the key is another provider's":     {how{"secrets aescbc:v1:a": 9}, 0, fields("secrets secretbox:a identity"), `the aescbc key "a"`},
		"the key is for another kind":       {how{"secrets aescbc:v1:a": 9}, 0, fields("configmaps aescbc:a identity"), `the aescbc key "a"`},
		"an earlier entry counts":           {how{"secrets aescbc:v1:a": 9}, 0, fields("secrets aescbc:b identity", "secrets aescbc:a"), `the aescbc key "a"`},
		"identity was left out":             {how{"secrets aescbc:v1:a": 4}, 5, fields("secrets aescbc:a"), "5 secrets are not encrypted"},
		"identity was left out of others":   {nil, 0, fields("configmaps aescbc:a"), "10 configmaps are not encrypted"},
		"counted at two moments":            {how{"configmaps aescbc:v1:a": 9}, 0, fields("configmaps aescbc:a"), ""},
		"a file that was not read":          {how{"secrets aescbc:v1:a": 9}, 0, []snapshot.Field{}, ""},
		"identity is left out of no others": {nil, 0, fields("secrets aescbc:a"), ""},
	} {
		s := node(&snapshot.EtcdStore{Encrypted: tt.encrypted, PlainSecret: tt.plain}, tt.file)
		got := detect(s)
		if (len(got) > 0) != (tt.want != "") || len(got) > 0 && !strings.Contains(got[0].Summary, tt.want) {
			t.Errorf("%s: got %+v, want %q", name, got, tt.want)
		}
		if len(got) == 0 {
			continue
		}
		if plan, err := remedy(s, got[0]); err == nil || strings.Contains(err.Error(), "%!") { // none has lines to change
			t.Errorf("%s: got %+v, %v", name, plan, err)
		}
	}
	if got := detect(&snapshot.Snapshot{Static: &snapshot.Static{}, Etcd: &snapshot.Etcd{Store: &snapshot.EtcdStore{Encrypted: how{"secrets aescbc:v1:a": 9}}}}); got != nil {
		t.Errorf("without a manifest: %+v", got)
	}
	if got := detect(&snapshot.Snapshot{Static: node(nil, nil).Static, Etcd: &snapshot.Etcd{}}); got != nil {
		t.Errorf("without etcd's files: %+v", got)
	}
}

// A key with the right name and other bytes shows in what the API server says.
func TestOtherBytes(t *testing.T) {
	for name, tt := range map[string]struct {
		key, said string
		age       time.Duration
		file      []snapshot.Field
		want      bool
	}{
		"other bytes":           {"/registry/secrets/a/b", "invalid padding on input", time.Minute, fields("secrets aescbc:a"), true},
		"an hour ago":           {"/registry/secrets/a/b", "invalid padding on input", time.Hour, fields("secrets aescbc:a"), false},
		"of another kind":       {"/registry/configmaps/a/b", "invalid padding on input", time.Minute, fields("secrets aescbc:a"), false},
		"nothing of the error":  {"/registry/secrets/a/b", "", time.Minute, fields("secrets aescbc:a"), false},
		"no name fitted then":   {"/registry/secrets/a/b", "no matching prefix found", time.Minute, fields("secrets aescbc:a"), false},
		"one beside the other":  {"/registry/secrets/a/b", "cipher: message authentication failed", time.Minute, fields("secrets aescbc:b,a identity"), true},
		"with all kinds as one": {"/registry/secrets/a/b", "invalid padding on input", time.Minute, fields("*.* aescbc:a identity"), true},
	} {
		s := node(&snapshot.EtcdStore{Encrypted: map[string]int{"secrets aescbc:v1:a": 9}}, tt.file)
		s.At = faulttest.At
		s.Logs = &snapshot.Logs{Observations: []snapshot.Observation{{ID: "apiserver-decrypt-failed", Last: s.At.Add(-tt.age), Params: map[string]string{"key": tt.key, "error": tt.said}}}}
		got := detect(s)
		if len(got) > 0 != tt.want || tt.want && !strings.Contains(got[0].Summary, "its bytes are others") {
			t.Errorf("%s: %+v", name, got)
		}
		if len(got) > 0 {
			if plan, err := remedy(s, got[0]); err == nil {
				t.Errorf("%s: %v", name, plan)
			}
		}
	}
}
