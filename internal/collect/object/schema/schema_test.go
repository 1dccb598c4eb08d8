package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/build"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
)

// samples is the folder in which k8s.io/api keeps one object of each kind,
// with every field filled in, in each of its forms.
func samples(t testing.TB) []string {
	t.Helper()
	p, err := build.Default.Import("k8s.io/api/core/v1", ".", build.FindOnly)
	if err != nil {
		t.Skipf("cannot find k8s.io/api: %v", err)
	}
	names, err := filepath.Glob(filepath.Join(p.Dir, "..", "..", "testdata", "HEAD", "*.pb"))
	if err != nil || len(names) == 0 {
		t.Skip("k8s.io/api has no samples here")
	}
	return names
}

// meta are the API's own messages, which are never stored.
var meta = regexp.MustCompile(`^core\.v1\.(API.*|.*Options|Status|WatchEvent)$`)

// TestEmpty compares objects that hold almost nothing: what is shown of them
// is up to each field.
func TestEmpty(t *testing.T) {
	zero := int32(0)
	for kind, o := range map[[2]string]interface{ Marshal() ([]byte, error) }{
		{"v1", "Pod"}: &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{LivenessProbe: &corev1.Probe{}, Env: []corev1.EnvVar{{}}}},
			Volumes: []corev1.Volume{{}, {VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{}}}},
		{"v1", "Node"}:                                  &corev1.Node{Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{}}}},
		{"v1", "Event"}:                                 &corev1.Event{},
		{"v1", "Service"}:                               &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{}}}},
		{"v1", "Secret"}:                                &corev1.Secret{Data: map[string][]byte{"a": {}, "b": []byte("x")}},
		{"v1", "ConfigMap"}:                             &corev1.ConfigMap{BinaryData: map[string][]byte{"a": {1}}},
		{"v1", "PersistentVolume"}:                      &corev1.PersistentVolume{},
		{"apps/v1", "Deployment"}:                       &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &zero}},
		{"apps/v1", "ControllerRevision"}:               &appsv1.ControllerRevision{},
		{"batch/v1", "CronJob"}:                         &batchv1.CronJob{},
		{"coordination.k8s.io/v1", "Lease"}:             &coordv1.Lease{Spec: coordv1.LeaseSpec{LeaseTransitions: &zero}},
		{"discovery.k8s.io/v1", "EndpointSlice"}:        &discoveryv1.EndpointSlice{Endpoints: []discoveryv1.Endpoint{{}}},
		{"rbac.authorization.k8s.io/v1", "ClusterRole"}: &rbacv1.ClusterRole{Rules: []rbacv1.PolicyRule{{}}},
	} {
		raw, err := o.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeAs(kind[0], kind[1], raw)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		want["apiVersion"], want["kind"] = kind[0], kind[1]
		for _, line := range differ(kind[1], got, want) {
			t.Error(line)
		}
	}
}

// TestEveryKind decodes every kind of the API with every field filled in, and
// compares it with what Kubernetes itself writes of the same object as JSON.
func TestEveryKind(t *testing.T) {
	for _, name := range samples(t) {
		kind := strings.TrimSuffix(filepath.Base(name), ".pb")
		if meta.MatchString(kind) {
			continue
		}
		value, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(name, ".pb") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want, err := Decode(bytes.TrimSpace(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(value)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		for _, line := range differ(kind, got, want) {
			t.Error(line)
		}
	}
}

// differ lists where two values are not the same.
func differ(at string, got, want any) []string {
	g, ok1 := got.(Object)
	w, ok2 := want.(Object)
	if !ok1 || !ok2 {
		gl, ok1 := got.([]any)
		wl, ok2 := want.([]any)
		if !ok1 || !ok2 || len(gl) != len(wl) {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if string(a) == string(b) {
				return nil
			}
			return []string{at + ": got " + string(a) + ", want " + string(b)}
		}
		var out []string
		for i := range gl {
			out = append(out, differ(at+"[]", gl[i], wl[i])...)
		}
		return out
	}
	var out []string
	for k, x := range w {
		y, there := g[k]
		if !there {
			b, _ := json.Marshal(x)
			out = append(out, at+"."+k+": missing, want "+string(b))
			continue
		}
		out = append(out, differ(at+"."+k, y, x)...)
	}
	for k, x := range g {
		if _, there := w[k]; !there {
			b, _ := json.Marshal(x)
			out = append(out, at+"."+k+": not wanted: "+string(b))
		}
	}
	return out
}

func TestKinds(t *testing.T) {
	seen := map[string]Kind{}
	for _, k := range Kinds() {
		if _, dup := seen[k.Group+"/"+k.Resource]; !dup {
			seen[k.Group+"/"+k.Resource] = k
		}
	}
	for key, want := range map[string]string{
		"/pods": "v1 Pod true", "/nodes": "v1 Node false", "/endpoints": "v1 Endpoints true",
		"autoscaling/horizontalpodautoscalers":           "autoscaling/v2 HorizontalPodAutoscaler true",
		"networking.k8s.io/ingresses":                    "networking.k8s.io/v1 Ingress true",
		"apiextensions.k8s.io/customresourcedefinitions": "apiextensions.k8s.io/v1 CustomResourceDefinition false",
		"apiregistration.k8s.io/apiservices":             "apiregistration.k8s.io/v1 APIService false",
	} {
		k, ok := seen[key]
		scope := "false"
		if k.Namespaced {
			scope = "true"
		}
		if got := k.APIVersion() + " " + k.Kind + " " + scope; !ok || got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestEncrypted(t *testing.T) {
	for value, want := range map[string]string{
		"k8s:enc:aescbc:v1:key1:\x00\x01": "aescbc:v1:key1",
		"k8s:enc:kms:v2:vault:\x0a\x01":   "kms:v2:vault",
		"k8s:enc:kms:v1":                  "kms",
		"k8s:enc:\xff\x00:":               "",
	} {
		_, err := Decode([]byte(value))
		var e *EncryptedError
		if !errors.As(err, &e) || e.Provider != want {
			t.Errorf("%q: got %v, want provider %q", value, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	deep := []byte{}
	for range 200 { // JSONSchemaProps.not (28) in itself
		deep = append([]byte{0xe2, 0x01}, append(size(len(deep)), deep...)...)
	}
	if _, err := DecodeAs("apiextensions.k8s.io/v1", "JSONSchemaProps", deep); !errors.Is(err, errDeep) {
		t.Errorf("got %v, want %v", err, errDeep)
	}
	for _, value := range []string{"", "x", "k8s\x00", "k8s\x00\x0a", "k8s\x00\x0a\x0b\x0a\x02v1\x12\x03Pod\x00\x12\x01\x0a", "{", "[1]"} {
		if o, err := Decode([]byte(value)); err == nil {
			t.Errorf("%q: got %v, want an error", value, o)
		}
	}
}

func size(n int) []byte {
	var out []byte
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

// TestSchemaUnions decodes the types of apiextensions that are one thing or
// another.
func TestSchemaUnions(t *testing.T) {
	str := "\x2a\x06string" // JSONSchemaProps.type (5)
	wrap := func(tag, body string) string { return tag + string(size(len(body))) + body }
	raw := wrap("\xc2\x01", wrap("\x0a", str)) + // items (24): one schema
		wrap("\xf2\x01", "\x08\x00") + // additionalProperties (30): false
		wrap("\x42", "\x0a\x03{}1") // default (8): broken JSON
	if _, err := DecodeAs("apiextensions.k8s.io/v1", "JSONSchemaProps", []byte(raw)); !errors.Is(err, errBroken) {
		t.Errorf("broken JSON within: got %v", err)
	}
	raw = wrap("\xc2\x01", wrap("\x0a", str)) + wrap("\xf2\x01", "\x08\x00") + wrap("\x42", "\x0a\x071.50e+0")
	o, err := DecodeAs("apiextensions.k8s.io/v1", "JSONSchemaProps", []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	delete(o, "apiVersion")
	delete(o, "kind")
	want := Object{"items": Object{"type": "string"}, "additionalProperties": false, "default": 1.5}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got %v, want %v", o, want)
	}
}

func FuzzDecode(f *testing.F) {
	for i, name := range samples(f) {
		if i%10 == 0 {
			if b, err := os.ReadFile(name); err == nil {
				f.Add(b)
			}
		}
	}
	f.Add([]byte(`{"kind":"X","spec":{"a":[1,2.5,null,"x"]}}`))
	f.Add([]byte("k8s:enc:kms:v2:x:"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		o, err := Decode(b)
		if err == nil {
			o.Text("metadata", "name")
		}
	})
}
