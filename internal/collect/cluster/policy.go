package cluster

import (
	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/snapshot"
)

// Groups of the API.
const (
	admission = "admissionregistration.k8s.io/v1"
	flow      = "flowcontrol.apiserver.k8s.io/v1"
	storage   = "storage.k8s.io/v1"
)

// maxEvents is how many events are asked for, and how many are kept.
const (
	maxAskedEvents = 1500
	maxEvents      = 300
)

// policies are the kinds that decide over requests and pods, decoded by the
// schema: their objects are few.
var policies = []kind{
	of(admission, "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "", func(c *snapshot.Cluster, o schema.Object) {
		c.Webhooks = append(c.Webhooks, object.Webhooks("Mutating", o)...)
	}),
	of(admission, "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "", func(c *snapshot.Cluster, o schema.Object) {
		c.Webhooks = append(c.Webhooks, object.Webhooks("Validating", o)...)
	}),
	admitting("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
	admitting("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
	admitting("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
	admitting("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
	of("apiregistration.k8s.io/v1", "APIService", "apiservices", "apiregistration.k8s.io/", one(object.APIService, func(c *snapshot.Cluster) *[]snapshot.APIService { return &c.APIServices })),
	of("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", "apiextensions.k8s.io/", one(object.CRD, func(c *snapshot.Cluster) *[]snapshot.CRD { return &c.CRDs })),
	of("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", "", one(object.PriorityClass, func(c *snapshot.Cluster) *[]snapshot.PriorityClass { return &c.PriorityClasses })),
	of(flow, "PriorityLevelConfiguration", "prioritylevelconfigurations", "", one(object.PriorityLevel, func(c *snapshot.Cluster) *[]snapshot.PriorityLevel { return &c.PriorityLevels })),
	of(flow, "FlowSchema", "flowschemas", "", one(object.FlowSchema, func(c *snapshot.Cluster) *[]snapshot.FlowSchema { return &c.FlowSchemas })),
	of("v1", "ResourceQuota", "resourcequotas", "", one(object.Quota, func(c *snapshot.Cluster) *[]snapshot.Quota { return &c.Quotas })),
	of("v1", "LimitRange", "limitranges", "", one(object.LimitRange, func(c *snapshot.Cluster) *[]snapshot.LimitRange { return &c.LimitRanges })),
	of("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", "", one(object.NetworkPolicy, func(c *snapshot.Cluster) *[]snapshot.NetworkPolicy { return &c.NetworkPolicies })),
	of("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", "", one(object.Budget, func(c *snapshot.Cluster) *[]snapshot.DisruptionBudget { return &c.Budgets })),
	of("v1", "Namespace", "namespaces", "", one(object.Namespace, func(c *snapshot.Cluster) *[]snapshot.Namespace { return &c.Namespaces })),
	of("v1", "PersistentVolume", "persistentvolumes", "", one(object.Volume, volumes)),
	of("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "", one(object.Claim, volumes)),
	of(storage, "StorageClass", "storageclasses", "", one(object.StorageClass, func(c *snapshot.Cluster) *[]snapshot.StorageClass { return &c.StorageClasses })),
	of(storage, "CSIDriver", "csidrivers", "", func(c *snapshot.Cluster, o schema.Object) { c.CSIDrivers = object.CSIDriver(c.CSIDrivers, o) }),
	of(storage, "CSINode", "csinodes", "", func(c *snapshot.Cluster, o schema.Object) { c.CSIDrivers = object.CSINode(c.CSIDrivers, o) }),
	of("node.k8s.io/v1", "RuntimeClass", "runtimeclasses", "", one(object.RuntimeClass, func(c *snapshot.Cluster) *[]snapshot.RuntimeClass { return &c.RuntimeClasses })),
	of("certificates.k8s.io/v1", "CertificateSigningRequest", "certificatesigningrequests", "", one(object.CSR, func(c *snapshot.Cluster) *[]snapshot.CSR { return &c.Requests })),
	configMap("kube-system", "coredns"), configMap("kube-system", "kube-proxy"), configMap("kube-system", "kubeadm-config"),
	configMap("kube-system", "kubelet-config"), configMap("kube-system", "extension-apiserver-authentication"), configMap("kube-public", "cluster-info"),
	eventKind(),
	custom("kustomize.toolkit.fluxcd.io", "kustomizations", "v1", "v1beta2"), custom("helm.toolkit.fluxcd.io", "helmreleases", "v2", "v2beta2", "v2beta1"),
	custom("source.toolkit.fluxcd.io", "gitrepositories", "v1", "v1beta2"), custom("source.toolkit.fluxcd.io", "ocirepositories", "v1", "v1beta2"),
	custom("source.toolkit.fluxcd.io", "helmrepositories", "v1", "v1beta2"), custom("argoproj.io", "applications", "v1alpha1"),
}

func volumes(c *snapshot.Cluster) *[]snapshot.Volume { return &c.Volumes }

// one converts each object to an element of a list.
func one[T any](convert func(schema.Object) T, list func(*snapshot.Cluster) *[]T) func(*snapshot.Cluster, schema.Object) {
	return func(c *snapshot.Cluster, o schema.Object) { *list(c) = append(*list(c), convert(o)) }
}

// of is a kind of a group; below is what its keys have before its name.
func of(api, name, resource, below string, obj func(*snapshot.Cluster, schema.Object)) kind {
	path := "/apis/" + api + "/" + resource
	if api == "v1" {
		path = "/api/v1/" + resource
	}
	return kind{name: resource, path: path, prefix: "/registry/" + below + resource + "/", api: api, kind: name, obj: obj}
}

func admitting(name, resource string) kind {
	return of(admission, name, resource, "", func(c *snapshot.Cluster, o schema.Object) {
		c.Admission = append(c.Admission, object.AdmissionPolicy(name, o))
	})
}

func configMap(namespace, name string) kind {
	return kind{
		name: "configmap " + name + " as text", path: "/api/v1/namespaces/" + namespace + "/configmaps/" + name,
		prefix: "/registry/configmaps/" + namespace + "/" + name, one: true, api: "v1", kind: "ConfigMap",
		obj: one(object.ConfigMapText, func(c *snapshot.Cluster) *[]snapshot.ConfigMap { return &c.ConfigMaps }),
	}
}

func eventKind() kind {
	k := of("v1", "Event", "events", "", one(object.Event, func(c *snapshot.Cluster) *[]snapshot.Event { return &c.Events }))
	k.limit = maxAskedEvents
	return k
}

// custom is a kind of Flux or Argo CD: where they are, they are custom
// resources, and an older release of Flux serves an older version alone.
func custom(group, resource, version string, older ...string) kind {
	k := kind{
		name: resource, path: "/apis/" + group + "/" + version + "/" + resource, prefix: "/registry/" + group + "/" + resource + "/",
		obj: one(object.GitOps, func(c *snapshot.Cluster) *[]snapshot.GitOps { return &c.GitOps }),
	}
	for _, v := range older {
		k.older = append(k.older, "/apis/"+group+"/"+v+"/"+resource)
	}
	return k
}
