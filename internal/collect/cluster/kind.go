package cluster

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/internal/collect/object/schema"
	"github.com/klustered/klustered/snapshot"
)

// A kind is a kind of object, where it is found and what it becomes.
type kind struct {
	name   string
	path   string   // of its list, or of one object, in the API
	older  []string // paths of older versions, asked for where there is none of that
	prefix string   // of its keys in etcd, or the key of one object
	one    bool     // a single object is read
	own    string   // selector of what a kubelet may see, NODE for its node
	limit  int      // of objects asked for, the rest is a gap; 0 for none
	add    func(c *snapshot.Cluster, m object.Message)
	// after, where there is one, sees all that add was given, in order.
	after func(c *snapshot.Cluster, all []object.Message, node string) error

	// For objects that are decoded by the schema, instead of add:
	api, kind string // apiVersion and kind
	obj       func(c *snapshot.Cluster, o schema.Object)
}

// take adds one object, in the form in which a list of the API holds it.
func (k kind) take(c *snapshot.Cluster, m object.Message) error {
	if k.obj == nil {
		k.add(c, m)
		return nil
	}
	o, err := schema.Lean(k.api, k.kind, m)
	if err == nil {
		k.obj(c, o)
	}
	return err
}

// kinds are the kinds that a snapshot keeps.
var kinds = slices.Concat(basic, policies)

// basic are the kinds whose objects are many, read by their fields' numbers.
var basic = []kind{
	{name: "nodes", path: "/api/v1/nodes", prefix: "/registry/minions/", own: "metadata.name=NODE",
		add: func(c *snapshot.Cluster, m object.Message) { c.Nodes = append(c.Nodes, object.Node(m)) }},
	{name: "pods", path: "/api/v1/pods", prefix: "/registry/pods/", own: "spec.nodeName=NODE",
		add: func(c *snapshot.Cluster, m object.Message) { c.Pods = append(c.Pods, object.Pod(m)) }, after: details},
	{name: "services", path: "/api/v1/services", prefix: "/registry/services/specs/",
		add: func(c *snapshot.Cluster, m object.Message) { c.Services = append(c.Services, object.Service(m)) }},
	{name: "endpointslices", path: "/apis/discovery.k8s.io/v1/endpointslices", prefix: "/registry/endpointslices/",
		add: slice},
	{name: "deployments", path: "/apis/apps/v1/deployments", prefix: "/registry/deployments/", add: workload(object.Deployment)},
	{name: "daemonsets", path: "/apis/apps/v1/daemonsets", prefix: "/registry/daemonsets/", add: workload(object.DaemonSet)},
	{name: "statefulsets", path: "/apis/apps/v1/statefulsets", prefix: "/registry/statefulsets/", add: workload(object.StatefulSet)},
	{name: "cronjobs", path: "/apis/batch/v1/cronjobs", prefix: "/registry/cronjobs/", add: workload(object.CronJob)},
	{name: "leases", path: "/apis/coordination.k8s.io/v1/leases", prefix: "/registry/leases/",
		add: func(c *snapshot.Cluster, m object.Message) { c.Leases = append(c.Leases, object.Lease(m)) }},
	{name: "clusterrolebindings", path: rbac + "clusterrolebindings", prefix: "/registry/clusterrolebindings/", add: binding},
	{name: "rolebindings", path: rbac + "rolebindings", prefix: "/registry/rolebindings/", add: binding},
	{name: "clusterroles", path: rbac + "clusterroles", prefix: "/registry/clusterroles/", add: role},
	{name: "roles", path: rbac + "roles", prefix: "/registry/roles/", add: role},
	{name: "replicasets", path: "/apis/apps/v1/replicasets", prefix: "/registry/replicasets/", add: controller(object.ReplicaSet)},
	{name: "jobs", path: "/apis/batch/v1/jobs", prefix: "/registry/jobs/", add: controller(object.Job)},
	{name: "configmap kubeadm-config", path: "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
		prefix: "/registry/configmaps/kube-system/kubeadm-config", one: true, add: settings},
	{name: "configmap kube-proxy", path: "/api/v1/namespaces/kube-system/configmaps/kube-proxy",
		prefix: "/registry/configmaps/kube-system/kube-proxy", one: true, add: settings},
}

const rbac = "/apis/rbac.authorization.k8s.io/v1/"

func workload(convert func(object.Message) snapshot.Workload) func(*snapshot.Cluster, object.Message) {
	return func(c *snapshot.Cluster, m object.Message) { c.Workloads = append(c.Workloads, convert(m)) }
}

func controller(convert func(object.Message) (snapshot.Workload, bool)) func(*snapshot.Cluster, object.Message) {
	return func(c *snapshot.Cluster, m object.Message) {
		if w, tells := convert(m); tells {
			c.Controllers = append(c.Controllers, w)
		}
	}
}

func binding(c *snapshot.Cluster, m object.Message) {
	c.Bindings = append(c.Bindings, object.Binding(m))
}

func slice(c *snapshot.Cluster, m object.Message) {
	c.Endpoints = append(c.Endpoints, object.Endpoints(m)...)
	if x, empty := object.EmptySlice(m); empty {
		c.Emptied = append(c.Emptied, x)
	}
}

func role(c *snapshot.Cluster, m object.Message) {
	r, own := object.Role(m)
	if own {
		c.Roles = append(c.Roles, r)
	}
	if object.SystemRole(r.Name) {
		c.SystemRoles = append(c.SystemRoles, r)
	}
}

// settings takes the cluster's settings out of kubeadm's ConfigMaps.
func settings(c *snapshot.Cluster, m object.Message) {
	data := object.ConfigMap(m)
	var k struct {
		Version    string `yaml:"kubernetesVersion"`
		Endpoint   string `yaml:"controlPlaneEndpoint"`
		Networking struct {
			PodSubnet     string `yaml:"podSubnet"`
			ServiceSubnet string `yaml:"serviceSubnet"`
			DNSDomain     string `yaml:"dnsDomain"`
		} `yaml:"networking"`
	}
	if yaml.Unmarshal([]byte(data["ClusterConfiguration"]), &k) == nil {
		set(c, "kubernetesVersion", k.Version)
		set(c, "controlPlaneEndpoint", k.Endpoint)
		set(c, "podSubnet", k.Networking.PodSubnet)
		set(c, "serviceSubnet", k.Networking.ServiceSubnet)
		set(c, "dnsDomain", k.Networking.DNSDomain)
	}
	var p struct {
		Mode string `yaml:"mode"`
		CIDR string `yaml:"clusterCIDR"`
	}
	if config := data["config.conf"]; config != "" && yaml.Unmarshal([]byte(config), &p) == nil {
		set(c, "podSubnet", p.CIDR)
		if p.Mode == "" {
			p.Mode = "iptables" // kube-proxy's default
		}
		set(c, "proxyMode", p.Mode)
	}
}

// set sets a setting that is not known yet.
func set(c *snapshot.Cluster, key, value string) {
	if value == "" || c.Settings[key] != "" {
		return
	}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	c.Settings[key] = value
}

// wanted reports whether key, of etcd, is an object of these kinds.
func wanted(key string) bool {
	for _, k := range kinds {
		if k.matches(key) {
			return true
		}
	}
	return false
}

func (k kind) matches(key string) bool {
	return key == k.prefix || !k.one && strings.HasPrefix(key, k.prefix)
}
