package observe

// starts is what a program of Kubernetes or etcd says before it ends: why it
// did not start, or went down.
func starts() []known {
	all := []Kind{Kubelet, Containerd, Etcd, APIServer, Component, DNS}
	return []known{
		// Go's net
		{id: "listen-failed", kind: all, any: []string{"bind: address already in use", "bind: cannot assign requested address", "bind: permission denied"},
			re:  re(`listen (?:tcp4?6?|udp|unix) (?P<addr>\S+): bind: (?P<reason>address already in use|cannot assign requested address|permission denied)`),
			key: []string{"addr", "reason"}},
		// github.com/spf13/pflag, and Go's flag, which etcd uses
		{id: "flag-unknown", kind: all, any: []string{"unknown flag: ", "flag provided but not defined: ", "unknown shorthand flag: "},
			re: re(`(?:unknown flag|flag provided but not defined|unknown shorthand flag): (?P<flag>[^"\\\s]+)`), key: []string{"flag"}},
		{id: "flag-invalid", kind: all, any: []string{"invalid argument ", "invalid value "},
			re: re(`invalid (?:argument|value) [\\"]*(?P<value>[^"\\]*)[\\"]* for [\\"]*(?:flag )?(?P<flag>-[^"\\: ]*)[\\"]*(?: flag)?: ?(?P<error>(?:[^"\\]|\\+")*)`), key: []string{"flag"}},
		// component-base/featuregate/feature_gate.go
		{id: "feature-gate-unknown", kind: all, any: []string{"unrecognized feature gate: ", "unrecognized feature gates: "},
			re: re(`unrecognized feature gates?: (?P<gate>[^"\\\s]+)`), key: []string{"gate"}},
		{id: "feature-gate-locked", kind: all, any: []string{"cannot set feature gate "},
			re: re(`cannot set feature gate (?P<gate>\S+) to (?P<value>\w+), feature is locked to (?P<locked>\w+)`), key: []string{"gate"}},
		// Go's os: what a program was told to read
		{id: "file-missing", kind: all, any: []string{": no such file or directory"}, none: []string{"dial unix ", "fork/exec "},
			re:  re(`(?:open|stat|lstat|read|mkdir|readlink) (?P<path>/[^:"\\]+): no such file or directory`),
			key: []string{"path"}},
		{id: "file-denied", kind: all, any: []string{": permission denied"}, none: []string{"dial unix ", "bind: ", "/oom_score_adj"},
			re:  re(`(?:open|stat|lstat|read|write|mkdir|unlink|rename|chmod) (?P<path>/[^:"\\]+): permission denied`),
			key: []string{"path"}},
		{id: "file-read-only", kind: all, any: []string{": read-only file system"},
			re: re(`(?P<path>/[^:"\\ ]+): read-only file system`), key: []string{"path"}},
		{id: "disk-full", kind: []Kind{Kubelet, APIServer, Component}, any: []string{"no space left on device"},
			opt: re(`(?P<path>/[^:"\\ ]+): no space left on device`), key: []string{"path"}},
		{id: "files-exhausted", kind: all, any: []string{"too many open files", "inotify_init", "user instances"},
			re: re(`(?P<what>too many open files|inotify_init[^"\\]*|user instances[^"\\]*)`), key: []string{"what"}},
		// runtime/panic.go
		{id: "panic", kind: all, any: []string{"panic: ", "fatal error: ", "Observed a panic"},
			re:  re(`(?:^|[\s"])(?P<what>panic: |fatal error: |Observed a panic)(?P<text>[^"\\]*)`),
			key: []string{"text"}},
		{id: "deadline-exceeded", kind: []Kind{APIServer, Component, Kubelet, Containerd}, any: []string{"context deadline exceeded"},
			opt: re(`(?:Get|Post|Put|Patch|Delete) [\\"]+(?P<url>https?://[^"\\?]+)`), key: []string{"url"}},
		// crypto/tls
		{id: "key-mismatch", kind: all, any: []string{"private key does not match public key"},
			re: re(`tls: (?P<error>private key does not match public key)`)},
		{id: "pem-bad", kind: all, any: []string{"failed to find any PEM data", "failed to find PEM block", "data does not contain any valid", "does not contain any valid RSA or ECDSA"},
			opt: re(`(?P<path>/[^:"\\ ]+\.(?:crt|key|pem|pub))`), key: []string{"path"}},
		// sigs.k8s.io/yaml and encoding/json of a configuration
		{id: "config-unread", kind: all, any: []string{"strict decoding error", "error converting YAML to JSON", "unknown field ", "no kind ", "no matches for kind "},
			re:  re(`(?P<error>strict decoding error: (?:[^"\\]|\\+")*|error converting YAML to JSON: (?:[^"\\]|\\+")*|unknown field \\*"[^"\\]*|no (?:kind|matches for kind) \\*"[^"\\]*\\*"[^"]*)`),
			key: []string{"error"}},
	}
}

// members is what etcd says when it does not join or does not start.
func members() []known {
	of := []Kind{Etcd}
	return []known{
		// server/etcdmain/etcd.go
		{id: "etcd-discovery-failed", kind: of, any: []string{"failed to setup initial cluster", "error validating peerURLs", "couldn't find local name"},
			fields: []string{"msg", "error"}},
		{id: "etcd-flags-failed", kind: of, any: []string{"failed to verify flags", "error verifying flags"}, fields: []string{"error"},
			opt: re(`error verifying flags, (?P<plain>[^"\\]*)`)},
		// server/etcdserver/bootstrap.go and membership
		{id: "etcd-member-removed", kind: of, any: []string{"the member has been permanently removed from the cluster", "this member has been permanently removed"}},
		{id: "etcd-cluster-id-mismatch", kind: of, any: []string{"cluster ID mismatch", "request cluster ID mismatch"},
			fields: []string{"remote-peer-cluster-id", "local-member-cluster-id", "remote-peer-id"}},
		{id: "etcd-version-incompatible", kind: of, any: []string{"incompatible version", "cluster cannot be downgraded"}, fields: []string{"msg", "error"}},
		{id: "etcd-corrupt", kind: of, any: []string{"crc mismatch", "walpb: crc mismatch", "database file is corrupted", "invalid database", "revision is inconsistent", "found data inconsistency"},
			fields: []string{"msg", "error", "path"}, opt: re(`(?P<what>crc mismatch|invalid database|database file is corrupted)`)},
		{id: "etcd-locked", kind: of, any: []string{"waiting for the exclusive db file lock", "db file is flocked by another process"}, fields: []string{"msg", "took", "path"}},
		{id: "etcd-clock-differs", kind: of, any: []string{"prober found high clock drift"}, fields: []string{"clock-drift", "remote-peer-id", "rtt"}, key: []string{"remote-peer-id"}, longest: "clock-drift"},
		{id: "etcd-too-large", kind: of, any: []string{"request is too large", "received message larger than max"}, opt: re(`larger than max \((?P<size>\d+) vs\. (?P<limit>\d+)\)`)},
		{id: "etcd-too-many", kind: of, any: []string{"too many requests"}},
		{id: "etcd-stopped", kind: of, any: []string{"received signal; shutting down", "closing etcd server", "server has been stopped"}, fields: []string{"msg", "signal"}},
		{id: "etcd-auth-failed", kind: of, any: []string{"authentication failed", "invalid auth token", "permission denied\""}, fields: []string{"msg", "error"}},
	}
}

// masters is what the API server, the controller-manager, the scheduler and
// the node's proxy say.
func masters() []known {
	api, other := []Kind{APIServer}, []Kind{Component}
	return []known{
		// k8s.io/apiserver/pkg/storage/storagebackend, pkg/server/healthz
		{id: "apiserver-check-failed", kind: api, any: []string{" check failed: ", "[-]"},
			re: re(`\] (?P<checks>\S+) check failed: (?P<probe>livez|readyz|healthz)|\[-\](?P<check>\S+) failed`), key: []string{"probe", "checks", "check"}},
		{id: "apiserver-start-hook-failed", kind: api, any: []string{"PostStartHook "}, all: []string{" failed: "},
			re: re(`PostStartHook [\\"]*(?P<hook>[^\\" ]+)[\\"]* failed: (?P<error>[^"\\]*)`), key: []string{"hook"}},
		// kube-aggregator/pkg/apiserver and controllers/status
		{id: "apiserver-api-unavailable", kind: api, any: []string{"failing or missing response from ", "is unavailable", "loading OpenAPI spec for "},
			re:  re(`(?:OpenAPI spec for [\\"]*|handling item [\\"]*|APIService )?(?P<service>v\d\w*\.[a-z0-9.-]+)`),
			key: []string{"service"}},
		{id: "apiserver-decrypt-failed", kind: api, any: []string{"unable to transform key", "no matching prefix found", "failed to decrypt"},
			opt: re(`unable to transform key [\\"]*(?P<key>[^\\" ]+)[\\"]*: (?P<error>[^"\\]*)`)},
		{id: "apiserver-authz-webhook-failed", kind: api, any: []string{"Failed to make webhook authorizer request", "Failed to make webhook authenticator request"},
			re: re(`webhook (?P<kind>authorizer|authenticator) request: (?P<error>.*)`)},
		{id: "apiserver-audit-failed", kind: api, any: []string{"Error in audit plugin "}, re: re(`audit plugin [\\"]*(?P<plugin>[^\\" ]+)[\\"]*.*?: (?P<error>.*)`)},
		{id: "apiserver-overloaded", kind: api, any: []string{"too many requests, please try again later", "Too many requests", "exceeded the maximum in-flight"}},
		{id: "apiserver-panic", kind: api, any: []string{"apiserver panic'd on "}, re: re(`apiserver panic'd on (?P<request>[^:]*)`)},
		// client-go/tools/cache/reflector.go
		{id: "watch-failed", kind: []Kind{Kubelet, Component, APIServer}, any: []string{"Failed to watch", "failed to list "},
			opt: re(`failed to list (?P<type>[^: "\\]+): (?P<error>(?:[^"\\]|\\+")+)`)},
		// client-go/tools/leaderelection
		{id: "lease-acquired", kind: other, any: []string{"uccessfully acquired lease"}, opt: re(`lock="(?P<lock>[^"]+)"|acquired lease (?P<lease>\S+)`)},
		{id: "lease-unreachable", kind: other, any: []string{"rror retrieving lease lock", "rror retrieving resource lock", "rror initially creating lease lock"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"|lock [^:]*: (?P<text>.*)`)},
		// kube-controller-manager
		{id: "controller-off", kind: other, any: []string{"Warning: controller is disabled", "is disabled because there is no"},
			re: re(`controller="(?P<controller>[^"]+)"`), key: []string{"controller"}},
		{id: "controller-failed", kind: other, any: []string{"Error starting ", "error starting controllers"},
			re: re(`(?:controller="(?P<controller>[^"]+)"|err="(?P<error>(?:[^"\\]|\\.)*)")`), key: []string{"controller"}},
		{id: "cidr-exhausted", kind: other, any: []string{"no remaining CIDRs", "CIDR allocation failed"}, opt: re(`node="(?P<node>[^"]+)"`), key: []string{"node"}},
		{id: "cidr-mismatch", kind: other, any: []string{"is out the range of cluster cidr", "podCIDR "}, all: []string{"cluster cidr"}, opt: re(`node="(?P<node>[^"]+)"`), key: []string{"node"}},
		// kube-scheduler
		{id: "scheduler-profile-bad", kind: other, any: []string{"initializing profiles", "no profile with scheduler name", "failed to create scheduler"}, opt: re(`(?P<error>(?:initializing profiles|no profile)[^"\\]*)`)},
		{id: "scheduler-unschedulable", kind: other, any: []string{"Unable to schedule pod; no fit"}, re: re(`pod="(?P<pod>[^"]+)" err="(?P<reason>(?:[^"\\]|\\.)*)"`), key: []string{"pod"}},
		// kube-proxy
		{id: "proxy-sync-failed", kind: other, any: []string{"Failed to execute iptables-restore", "Failed to sync rules", "nftables sync failed", "Sync failed", "an't use the IPVS proxier"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		{id: "proxy-node-unknown", kind: other, any: []string{"Failed to retrieve node info"}, opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`)},
		{id: "proxy-sysctl-failed", kind: other, any: []string{"ailed to set sysctl", "etting sysctl failed", "nf_conntrack_max: permission denied"}, opt: re(`(?P<error>(?:open|write) /proc/\S+: [^"\\]*)`)},
	}
}
