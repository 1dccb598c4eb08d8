package op_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/klustered/klustered/fault/faulttest"
	"github.com/klustered/klustered/op"
)

const crt, key, pub, conf, binding = "/etc/kubernetes/pki/apiserver.crt", "/etc/kubernetes/pki/apiserver.key", "/etc/kubernetes/pki/sa.pub",
	"/root/.kube/config", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/x"

// makers are the ops of which no plan says what they make, and where it stands.
func makers(t *testing.T, m *faulttest.Machine) map[string]op.Op {
	const ca, caKey = "/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key"
	return map[string]op.Op{
		crt:            op.IssueCertificate{Cert: crt, CertPin: pin(t, m, crt), Key: key, KeyPin: pin(t, m, key), CACert: ca, CAKey: caKey, Name: "x", Server: true},
		key:            op.IssueCertificate{Cert: crt, CertPin: pin(t, m, crt), Key: key, KeyPin: pin(t, m, key), CACert: ca, CAKey: caKey, Name: "x", Server: true},
		pub:            op.PublishKey{Key: key, Path: pub, Pin: pin(t, m, pub)},
		conf:           op.IssueKubeconfig{Path: conf, Pin: pin(t, m, conf), Cluster: "c", Server: "https://172.20.0.2:6443", CACert: ca, CAKey: caKey, User: "u", Days: 9},
		"/etc/new.pem": op.IssueCertificate{Cert: "/etc/new.pem", Key: "/etc/new.pem", CACert: ca, CAKey: caKey, Name: "x", Client: true},
		binding: op.CreateObject{Path: binding, Body: json.RawMessage(`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"x"},
			"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"a"}]}`)},
	}
}

// edit changes what stands at a place, as somebody else would.
func edit(t *testing.T, m *faulttest.Machine, place string) {
	t.Helper()
	if place == binding {
		patch := []byte(`{"subjects":[{"kind":"User","name":"a"},{"kind":"User","name":"b"}]}`)
		if status, _, err := m.Request(t.Context(), "PATCH", binding, "application/merge-patch+json", patch); err != nil || status != 200 {
			t.Fatal(status, err)
		}
		return
	}
	if err := m.WriteFile(place, op.File{Data: []byte("renewed\n"), Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
}

// TestMade: what an op made is taken back, and what came later is not, nor is
// half of it.
func TestMade(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	for place, o := range makers(t, m) {
		data := apply(t, m, op.Plan{o})
		if !bytes.Contains(data, []byte(`"state":"made"`)) {
			t.Errorf("%s: journal %s", o, data)
		}
		if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); err != nil || !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%s: not as before: %v", o, err)
		}
		data = apply(t, m, op.Plan{o})
		edit(t, m, place)
		edited := m.State()
		if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); !errors.Is(err, op.ErrChanged) || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: an undo over another's: %v", o, err)
		}
		if !reflect.DeepEqual(m.State(), edited) {
			t.Errorf("%s: what came later was changed", o)
		}
		if err := op.Undo(t.Context(), m, bytes.NewReader(old(t, data)), &faulttest.Journal{}); err != nil {
			t.Errorf("%s: a journal of an older version: %v", o, err)
		}
		if !reflect.DeepEqual(m.State(), start) {
			t.Errorf("%s: not as before, by a journal of an older version", o)
		}
	}
}

// old is the journal as a version wrote it that did not record what is made.
func old(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	sum := ""
	for line := range bytes.Lines(data) {
		body := append(bytes.Clone(line[:bytes.LastIndex(line, []byte(op.SumMark))]), '}')
		body = bytes.Replace(body, []byte(`,"makes":true`), nil, 1)
		if bytes.Contains(body, []byte(`"state":"made"`)) {
			continue
		}
		sum = op.Chain(sum, body)
		out.Write(append(body[:len(body)-1], op.SumMark+sum+"\"}\n"...))
	}
	j, err := op.ReadJournal(bytes.NewReader(out.Bytes()))
	if err != nil || len(j.Steps) != 1 || !j.Steps[0].Blind() {
		t.Fatalf("%+v, %v", j, err)
	}
	return out.Bytes()
}

// TestMadeCut cuts the journal before what was made was recorded: nothing is
// written by then, so that what is there is another's.
func TestMadeCut(t *testing.T) {
	m := faulttest.New(t)
	start := m.State()
	for place, o := range makers(t, m) {
		data := apply(t, m, op.Plan{o})
		if err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{}); err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(data, []byte("\n"))
		for n, what := range map[int]string{2: "will", 3: "made"} { // not yet written
			if place == binding && n == 3 {
				continue
			}
			cut := bytes.Join(lines[:n], nil)
			if err := op.Undo(t.Context(), m, bytes.NewReader(cut), &faulttest.Journal{}); err != nil || !reflect.DeepEqual(m.State(), start) {
				t.Errorf("%s, cut after %s: %v", o, what, err)
			}
			before := m.World.Objects
			if place == binding {
				other := bytes.Replace(o.(op.CreateObject).Body, []byte(`"a"`), []byte(`"other"`), 1)
				if status, _, err := m.Request(t.Context(), "POST", strings.TrimSuffix(binding, "/x"), "application/json", other); err != nil || status != 201 {
					t.Fatal(status, err)
				}
			} else {
				edit(t, m, place)
			}
			edited := m.State()
			if err := op.Undo(t.Context(), m, bytes.NewReader(cut), &faulttest.Journal{}); !errors.Is(err, op.ErrChanged) || !reflect.DeepEqual(m.State(), edited) {
				t.Errorf("%s, cut after %s, another's there: %v", o, what, err)
			}
			m.World.Objects = before
			if err := op.Undo(t.Context(), m, bytes.NewReader(old(t, data)), &faulttest.Journal{}); err != nil || !reflect.DeepEqual(m.State(), start) {
				t.Fatalf("%s: %v", o, err)
			}
		}
	}
}

// TestCreated: an object that was created and is another by now, or has grown
// what the cluster adds.
func TestCreated(t *testing.T) {
	const pod = "/api/v1/namespaces/default/pods/x"
	body := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"default"},"spec":{"containers":[{"name":"a","image":"i"}]}}`
	for name, tt := range map[string]struct {
		churns bool
		now    string // what is there when it is undone, with the UID where it has U
		ok     bool
	}{
		"scheduled":           {false, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"default","uid":"U","resourceVersion":"99","annotations":{"cni":"1"}},"spec":{"nodeName":"w","containers":[{"name":"a","image":"i","terminationMessagePath":"/x"}],"volumes":[{"name":"t"}]},"status":{"phase":"Running"}}`, true},
		"another image":       {false, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"default","uid":"U"},"spec":{"containers":[{"name":"a","image":"j"}]}}`, false},
		"made again":          {false, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"default","uid":"V"},"spec":{"containers":[{"name":"a","image":"i"}]}}`, false},
		"churned":             {true, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"default","uid":"U"},"data":{"a":"b"}}`, true},
		"churned, made again": {true, `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","namespace":"default","uid":"V"}}`, false},
	} {
		m := faulttest.New(t)
		data := apply(t, m, op.Plan{op.CreateObject{Path: pod, Body: json.RawMessage(body), Churns: tt.churns}})
		var made struct{ Metadata struct{ UID string } }
		if err := json.Unmarshal(m.World.Objects[pod], &made); err != nil || made.Metadata.UID == "" {
			t.Fatal(err)
		}
		m.World.Objects[pod] = json.RawMessage(strings.Replace(tt.now, `"U"`, `"`+made.Metadata.UID+`"`, 1))
		err := op.Undo(t.Context(), m, bytes.NewReader(data), &faulttest.Journal{})
		if _, there := m.World.Objects[pod]; (err == nil) != tt.ok || there == tt.ok || !tt.ok && !errors.Is(err, op.ErrChanged) {
			t.Errorf("%s: there %v, %v", name, there, err)
		}
	}
}

// TestCreatedTwice: an object that is there when it is created is taken for
// that whose answer was lost, if it says the same.
func TestCreatedTwice(t *testing.T) {
	m := faulttest.New(t)
	o := makers(t, m)[binding]
	for range 2 {
		if err := o.Do(t.Context(), m); err != nil {
			t.Error(err)
		}
	}
	edit(t, m, binding)
	if err := o.Do(t.Context(), m); !errors.Is(err, op.ErrChanged) {
		t.Errorf("another one: %v", err)
	}
}
