//go:build ignore

package main

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"sort"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	apiserverv1beta1 "k8s.io/apiserver/pkg/apis/apiserver/v1beta1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	proxyv1alpha1 "k8s.io/kube-proxy/config/v1alpha1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	kubeletv1 "k8s.io/kubelet/config/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	admission "k8s.io/kubernetes/pkg/kubeapiserver/options"
	kubeletscheme "k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	proxyscheme "k8s.io/kubernetes/pkg/proxy/apis/config/scheme"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
)

// release is what the components of a release have in common.
type release struct {
	Gates       []gate                       `json:"gates"`
	Plugins     []named                      `json:"plugins"`
	Controllers []named                      `json:"controllers"`
	Types       map[string]map[string]string `json:"types"`    // type to field to type
	Defaults    map[string]map[string]string `json:"defaults"` // kind to path to JSON
	Bindings    map[string]string            `json:"bindings"` // the kubelet's flag to the path it sets

	named map[string]reflect.Type
}

// gate is a feature gate.
type gate struct {
	Name    string `json:"name"`
	Stage   string `json:"stage"`
	Default bool   `json:"default"`
	Locked  bool   `json:"locked"`
}

// named is an admission plugin or a controller.
type named struct {
	Name  string `json:"name"`
	On    bool   `json:"on"`
	Alias string `json:"alias,omitempty"` // the name that this one stands for
}

// roots are the objects that a component, or the kubelet, reads from a file.
var roots = []struct {
	name string
	of   any
}{
	{"Pod", corev1.Pod{}},
	{"KubeletConfiguration", kubeletv1beta1.KubeletConfiguration{}},
	{"CredentialProviderConfig", kubeletv1.CredentialProviderConfig{}},
	{"KubeProxyConfiguration", proxyv1alpha1.KubeProxyConfiguration{}},
	{"KubeSchedulerConfiguration", schedulerv1.KubeSchedulerConfiguration{}},
	{"AdmissionConfiguration", apiserverv1.AdmissionConfiguration{}},
	{"EncryptionConfiguration", apiserverv1.EncryptionConfiguration{}},
	{"AuthorizationConfiguration", apiserverv1.AuthorizationConfiguration{}},
	{"AuthenticationConfiguration", apiserverv1beta1.AuthenticationConfiguration{}},
	{"EgressSelectorConfiguration", apiserverv1beta1.EgressSelectorConfiguration{}},
}

func theRelease() release {
	r := release{Gates: gates(), Plugins: plugins(), Controllers: controllers(), Bindings: bindings(),
		Types: map[string]map[string]string{}, Defaults: map[string]map[string]string{}, named: map[string]reflect.Type{}}
	for _, x := range roots {
		r.fields(x.name, reflect.TypeOf(x.of))
	}
	kubelet, _, err := kubeletscheme.NewSchemeAndCodecs()
	if err != nil {
		panic(err)
	}
	r.defaults("KubeletConfiguration", kubelet, &kubeletv1beta1.KubeletConfiguration{})
	r.defaults("KubeProxyConfiguration", proxyscheme.Scheme, &proxyv1alpha1.KubeProxyConfiguration{})
	r.defaults("KubeSchedulerConfiguration", schedulerscheme.Scheme, &schedulerv1.KubeSchedulerConfiguration{})
	return r
}

func gates() []gate {
	var all []gate
	for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		stage := string(spec.PreRelease)
		if stage == "" {
			stage = "GA"
		}
		all = append(all, gate{string(name), stage, spec.Default, spec.LockToDefault})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

func plugins() []named {
	off := admission.DefaultOffAdmissionPlugins()
	var all []named
	for _, name := range admission.AllOrderedPlugins {
		all = append(all, named{Name: name, On: !off.Has(name)})
	}
	return all
}

func controllers() []named {
	off := map[string]bool{}
	for _, name := range controllermanager.ControllersDisabledByDefault() {
		off[name] = true
	}
	var all []named
	for _, name := range controllermanager.KnownControllers() {
		all = append(all, named{Name: name, On: !off[name]})
	}
	for alias, name := range controllermanager.ControllerAliases() {
		all = append(all, named{Name: alias, Alias: name})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}

// leaves are types that are written as one value, whatever they are in Go.
var leaves = map[string]string{
	"resource.Quantity": "Quantity", "v1.Time": "Time", "v1.MicroTime": "Time", "v1.Duration": "Duration",
	"v1.TimeOrMetaDuration": "Duration", "resource.QuantityValue": "Quantity", "intstr.IntOrString": "IntOrString", "runtime.RawExtension": "any", "v1.FieldsV1": "any", "v1.JSON": "any",
}

// fields adds the fields of struct t, under name, and of all it holds.
func (r release) fields(name string, t reflect.Type) {
	if r.Types[name] != nil {
		return
	}
	r.Types[name] = map[string]string{}
	r.members(r.Types[name], t)
}

func (r release) members(into map[string]string, t reflect.Type) {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || f.PkgPath != "" && !f.Anonymous:
		case name == "" && (strings.Contains(opts, "inline") || f.Anonymous):
			r.members(into, f.Type)
		case name != "":
			into[name] = r.typeName(f.Type)
		}
	}
}

// typeName writes a type: string, bool, int32, []Container, map[string]Quantity.
func (r release) typeName(t reflect.Type) string {
	if leaf := leaves[t.String()]; leaf != "" {
		return leaf
	}
	switch t.Kind() {
	case reflect.Pointer: // a pointer to one value tells zero from not set
		name := r.typeName(t.Elem())
		if t.Elem().Kind() == reflect.Struct && leaves[t.Elem().String()] == "" {
			return name
		}
		return "*" + name
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + r.typeName(t.Elem())
	case reflect.Map:
		return "map[" + t.Key().Kind().String() + "]" + r.typeName(t.Elem())
	case reflect.Struct:
		return r.structName(t)
	case reflect.Interface:
		return "any"
	}
	return t.Kind().String()
}

// structName is the name of a struct type, with its package where another one
// has that name, and adds its fields.
func (r release) structName(t reflect.Type) string {
	name := t.Name()
	if first := r.named[name]; first != nil && first != t {
		name = path.Base(path.Dir(t.PkgPath())) + "." + path.Base(t.PkgPath()) + "." + name
	}
	r.named[name] = t
	r.fields(name, t)
	return name
}

// defaults adds what the scheme sets in an empty object.
func (r release) defaults(kind string, s *runtime.Scheme, o runtime.Object) {
	s.Default(o)
	data, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(err)
	}
	r.Defaults[kind] = map[string]string{}
	flatten(r.Defaults[kind], "", tree)
}

func flatten(into map[string]string, at string, tree map[string]any) {
	for key, value := range tree {
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 && !strings.HasSuffix(at, "Hard.") {
			flatten(into, at+key+".", inner)
			continue
		}
		data, err := json.Marshal(value)
		if err != nil {
			panic(fmt.Sprint(at, key, err))
		}
		into[at+key] = string(data)
	}
}
