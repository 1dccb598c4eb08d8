package cluster

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/object"
	"github.com/klustered/klustered/snapshot"
)

// A kind is a kind of object, where it is found and what it becomes.
type kind struct {
	name   string
	path   string // of its list, or of one object, in the API
	prefix string // of its keys in etcd, or the key of one object
	one    bool   // a single object is read
	own    string // selector of what a kubelet may see, NODE for its node
	add    func(c *snapshot.Cluster, m object.Message)
}

// kinds are the kinds that a snapshot keeps.
var kinds = []kind{
	{name: "nodes", path: "/api/v1/nodes", prefix: "/registry/minions/", own: "metadata.name=NODE",
		add: func(c *snapshot.Cluster, m object.Message) { c.Nodes = append(c.Nodes, object.Node(m)) }},
	{name: "pods", path: "/api/v1/pods", prefix: "/registry/pods/", own: "spec.nodeName=NODE",
		add: func(c *snapshot.Cluster, m object.Message) { c.Pods = append(c.Pods, object.Pod(m)) }},
	{name: "services", path: "/api/v1/services", prefix: "/registry/services/specs/",
		add: func(c *snapshot.Cluster, m object.Message) { c.Services = append(c.Services, object.Service(m)) }},
	{name: "endpointslices", path: "/apis/discovery.k8s.io/v1/endpointslices", prefix: "/registry/endpointslices/",
		add: func(c *snapshot.Cluster, m object.Message) { c.Endpoints = append(c.Endpoints, object.Endpoints(m)...) }},
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
	{name: "configmap kubeadm-config", path: "/api/v1/namespaces/kube-system/configmaps/kubeadm-config",
		prefix: "/registry/configmaps/kube-system/kubeadm-config", one: true, add: settings},
	{name: "configmap kube-proxy", path: "/api/v1/namespaces/kube-system/configmaps/kube-proxy",
		prefix: "/registry/configmaps/kube-system/kube-proxy", one: true, add: settings},
}

const rbac = "/apis/rbac.authorization.k8s.io/v1/"

func workload(convert func(object.Message) snapshot.Workload) func(*snapshot.Cluster, object.Message) {
	return func(c *snapshot.Cluster, m object.Message) { c.Workloads = append(c.Workloads, convert(m)) }
}

func binding(c *snapshot.Cluster, m object.Message) {
	c.Bindings = append(c.Bindings, object.Binding(m))
}

func role(c *snapshot.Cluster, m object.Message) {
	if r, own := object.Role(m); own {
		c.Roles = append(c.Roles, r)
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
