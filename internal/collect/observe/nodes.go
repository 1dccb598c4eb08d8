package observe

import "regexp"

// re is a pattern. Text is quoted once more by each layer that passes it
// on: where a pattern expects a quote it takes any number of backslashes too.
func re(s string) *pattern { return &pattern{text: s} }

// A pattern is compiled when it is first matched: most never are.
type pattern struct {
	text string
	re   *regexp.Regexp
}

func (p *pattern) get() *regexp.Regexp {
	if p.re == nil {
		p.re = regexp.MustCompile(p.text)
	}
	return p.re
}

// kubelet is what the kubelet says, checked against Kubernetes v1.37.2; the
// file of each message is below k8s.io/kubernetes/pkg/kubelet.
func kubelet() []known {
	of := []Kind{Kubelet}
	pod := re(`pod="(?P<pod>[^"]+)"`)
	return []known{
		// kubelet.go, updateRuntimeUp; the text within is containerd's, in
		// internal/cri/server/status.go and go-cni's errors.go.
		{id: "kubelet-network-not-ready", kind: of, any: []string{
			"ontainer runtime network not ready", "NetworkPluginNotReady"},
			opt: re(`message:(?P<message>[^"\\]*)`)},
		{id: "kubelet-cni-uninitialized", kind: of, any: []string{
			"cni plugin not initialized", "cni config uninitialized", "cni config not initialized"}},
		// the error of a plugin's STATUS, libcni/api.go
		{id: "kubelet-cni-status-failed", kind: of, any: []string{"Network plugin returns error: "},
			none: []string{"cni plugin not initialized"}, re: re(`Network plugin returns error: (?P<error>[^"\\]+)`)},
		// kuberuntime/kuberuntime_manager.go and kuberuntime_sandbox.go
		{id: "kubelet-sandbox-failed", kind: of, any: []string{
			"CreatePodSandbox for pod failed", "Failed to create sandbox for pod"},
			re: re(`err="(?P<error>(?:[^"\\]|\\.)*)" pod="(?P<pod>[^"]+)"`), key: []string{"pod"}},
		// pleg/generic.go, through runtime.go
		{id: "kubelet-pleg-unhealthy", kind: of, any: []string{"PLEG is not healthy"},
			none: []string{"pleg has yet to be successful"}, // so it is at each start
			opt:  re(`pleg was last seen active (?P<ago>\S+) ago`), longest: "ago"},
		// kubelet.go, syncLoop and updateRuntimeUp
		{id: "kubelet-runtime-down", kind: of, any: []string{
			"container runtime is down", "Container runtime sanity check failed", "Container runtime not ready"}},
		{id: "kubelet-runtime-refused", kind: of, any: []string{"dial unix "},
			none: []string{"container factory failed"}, // cAdvisor tries the sockets of all runtimes
			re:   re(`dial unix (?P<socket>\S+): connect: (?P<reason>connection refused|no such file or directory|permission denied)`),
			key:  []string{"socket"}},
		{id: "kubelet-skips-pods", kind: of, any: []string{"Skipping pod synchronization"},
			none: []string{"pleg has yet to be successful", "status check may not have completed yet"},
			opt:  re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		// component-helpers/apimachinery/lease/controller.go
		{id: "kubelet-lease-failed", kind: of, any: []string{"Failed to update lease", "Failed to ensure lease exists"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		// kubelet_node_status.go; errors of the lister and of the server
		{id: "kubelet-node-not-found", kind: of, any: []string{"Error getting the current node from lister", "not found"},
			re: re(`nodes? [\\"]*(?P<node>[^\\" ]+)[\\"]* not found`), key: []string{"node"}},
		{id: "kubelet-register-failed", kind: of, any: []string{"Unable to register node with API server"},
			re: re(`node="(?P<node>[^"]+)"`)},
		{id: "kubelet-status-failed", kind: of, any: []string{
			"Error updating node status, will retry", "Unable to update node status"}},
		{id: "kubelet-status-unset", kind: of, any: []string{"Failed to set some node status fields"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		// eviction/eviction_manager.go
		{id: "kubelet-evicting", kind: of, any: []string{
			"must evict pod(s) to reclaim", "attempting to reclaim", "pod is evicted successfully"},
			opt: re(`resourceName="(?P<resource>[^"]+)"|pod="(?P<pod>[^"]+)"`), key: []string{"resource", "pod"}},
		{id: "kubelet-evict-blocked", kind: of, any: []string{"unable to evict any pods from the node", "cannot evict a critical pod"}},
		// config/file.go
		{id: "kubelet-manifest-unread", kind: of, any: []string{"Could not process manifest file"},
			re: re(`path="(?P<path>[^"]+)"`), key: []string{"path"}},
		{id: "kubelet-manifest-dir-unread", kind: of, any: []string{"Unable to read config path"},
			re: re(`path="(?P<path>[^"]+)"`), key: []string{"path"}},
		// cmd/kubelet/app/server.go and component-base's cli
		{id: "kubelet-exits", kind: of, any: []string{"command failed", "failed to run Kubelet", "Failed to run kubelet",
			"failed to load kubelet config file", "failed to parse kubelet flag"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"|err=(?P<plain>\S+)`)},
		// certificate/bootstrap/bootstrap.go
		{id: "kubelet-bootstrap-cert-expired", kind: of, any: []string{"part of the existing bootstrap client certificate"},
			re: re(`certificate in (?P<file>\S+) is expired: (?P<since>[^"]+)`)},
		// network/dns/dns.go
		{id: "kubelet-nameserver-limit", kind: of, any: []string{"Nameserver limits exceeded", "Nameserver limits were exceeded"}},
		// pod_workers.go: what a container is waiting for
		{id: "kubelet-crash-loop", kind: of, any: []string{"CrashLoopBackOff"},
			re: pod, key: []string{"pod"}},
		{id: "kubelet-image-pull-failed", kind: of, any: []string{"ImagePullBackOff", "ErrImagePull"},
			re: pod, key: []string{"pod"}},
		// prober/prober.go
		{id: "kubelet-probe-failed", kind: of, any: []string{"Probe failed"},
			re:  re(`probeType="(?P<probe>[^"]+)" pod="(?P<pod>[^"]+)".* containerName="(?P<container>[^"]+)"`),
			key: []string{"probe", "pod", "container"}},
	}
}

// clients is what every client of the API server says when it fails; the
// texts are those of Go's net, net/http and crypto/x509.
func clients() []known {
	of := []Kind{Kubelet, Component, APIServer, Containerd, Etcd}
	k8s := []Kind{Kubelet, Component}
	return []known{
		{id: "dial-refused", kind: of, any: []string{"connect: connection refused"},
			re: re(`dial tcp (?P<addr>\S+): connect: connection refused`), key: []string{"addr"}},
		{id: "dial-unreachable", kind: of, any: []string{"no route to host", "network is unreachable"},
			re: re(`dial (?:tcp|udp) (?P<addr>\S+): connect: (?P<reason>no route to host|network is unreachable)`), key: []string{"addr"}},
		{id: "dial-timeout", kind: of, any: []string{"i/o timeout", "TLS handshake timeout",
			"Client.Timeout exceeded", "request canceled while waiting for connection"}, none: []string{"read udp "},
			opt: re(`dial tcp (?P<addr>\S+): i/o timeout|https?://(?P<host>[^/"\\]+)`),
			key: []string{"addr", "host"}},
		{id: "dns-timeout", kind: of, any: []string{"read udp "},
			re: re(`read udp \S+->(?P<server>\S+): i/o timeout`), key: []string{"server"}},
		{id: "name-unresolved", kind: of, any: []string{": no such host", "server misbehaving"},
			re: re(`lookup (?P<name>\S+?)(?: on (?P<server>\S+))?: (?P<reason>no such host|server misbehaving)`), key: []string{"name"}},
		{id: "cert-expired", kind: of, any: []string{"certificate has expired or is not yet valid"},
			opt: re(`current time (?P<now>\S+) is (?P<side>after|before) (?P<limit>[^"\\,\s]+)`)},
		{id: "x509", kind: of, any: []string{"x509: "},
			re: re(`x509: (?P<reason>(?:[^"\\]|\\")+)`), key: []string{"reason"}},
		{id: "tls-rejected", kind: of, any: []string{"remote error: tls: "},
			re: re(`remote error: tls: (?P<reason>[a-z ]+)`), key: []string{"reason"}},
		{id: "unauthorized", kind: k8s, any: []string{"Unauthorized", "the server has asked for the client to provide credentials"},
			re: re(`(?:^|[\s":])Unauthorized(?:$|[\s"\\])|provide credentials`)},
		{id: "forbidden", kind: k8s, any: []string{" is forbidden: "},
			re: re(`User [\\"]*(?P<user>[^\\"]+)[\\"]* cannot (?P<verb>\w+) resource [\\"]*(?P<resource>[^\\" ]+)`), key: []string{"user"}},
		{id: "lease-lost", kind: []Kind{Component}, any: []string{"leaderelection lost", "failed to renew lease", "Failed to renew lease"}},
	}
}
