package observe

// etcd is what etcd says, checked against server v3.7 and raft v3.7; files
// below go.etcd.io/etcd/server/v3 if no other module is named. Its lines are
// zap's JSON.
func etcd() []known {
	of := []Kind{Etcd}
	slow := []string{"took", "expected-duration"}
	return []known{
		// etcdserver/txn/util.go
		{id: "etcd-apply-slow", kind: of, any: []string{"apply request took too long"},
			fields: append([]string{"prefix"}, slow...), longest: "took"},
		// storage/wal/wal.go
		{id: "etcd-fdatasync-slow", kind: of, any: []string{"slow fdatasync"}, fields: slow, longest: "took"},
		// etcdserver/read/read.go
		{id: "etcd-readindex-slow", kind: of, any: []string{"waiting for ReadIndex response took too long"},
			fields: []string{"retry-timeout"}},
		// etcdserver/raft.go
		{id: "etcd-heartbeat-late", kind: of, any: []string{"leader failed to send out heartbeat on time"},
			fields: []string{"to", "heartbeat-interval", "exceeded-duration"}, key: []string{"to"}, longest: "exceeded-duration"},
		// go.etcd.io/raft/v3/node.go and raft.go
		{id: "etcd-leader-elected", kind: of, any: []string{"elected leader "},
			re: re(`(?P<member>[0-9a-f]+) elected leader (?P<leader>[0-9a-f]+) at term (?P<term>\d+)`)},
		{id: "etcd-leader-changed", kind: of, any: []string{"changed leader from "},
			re: re(`changed leader from (?P<from>[0-9a-f]+) to (?P<to>[0-9a-f]+) at term (?P<term>\d+)`)},
		{id: "etcd-leader-lost", kind: of, any: []string{"lost leader "},
			re: re(`lost leader (?P<leader>[0-9a-f]+) at term (?P<term>\d+)`)},
		{id: "etcd-election", kind: of, any: []string{"is starting a new election at term"},
			re: re(`at term (?P<term>\d+)`)},
		// etcdserver/api/etcdhttp/health.go; releases before 3.6 also say
		// that an alarm was raised
		{id: "etcd-alarm", kind: of, any: []string{"serving /health false due to an alarm", "alarm raised"},
			fields: []string{"alarm"}, key: []string{"alarm"}},
		// api/v3/v3rpc/rpctypes/error.go and etcdserver/errors
		{id: "etcd-no-space", kind: of, any: []string{"database space exceeded", "etcdserver: no space"}},
		{id: "etcd-disk-full", kind: of, any: []string{"no space left on device"}},
		// storage/mvcc/kvstore_compaction.go, storage/backend/backend.go
		{id: "etcd-compacted", kind: of, any: []string{"finished scheduled compaction"},
			fields: []string{"compact-revision", "took", "current-db-size-bytes", "current-db-size-in-use-bytes"}, longest: "took"},
		{id: "etcd-defragmented", kind: of, any: []string{"finished defragmenting directory"},
			fields: []string{"took", "current-db-size-bytes", "current-db-size-in-use-bytes"}, longest: "took"},
		// etcdserver/api/rafthttp
		{id: "etcd-peer-lost", kind: of, any: []string{"peer became inactive", "lost TCP streaming connection with remote peer",
			"prober detected unhealthy status"},
			fields: []string{"peer-id", "remote-peer-id", "error"}, key: []string{"peer-id", "remote-peer-id"}},
		// embed/config_logging.go
		{id: "etcd-connection-rejected", kind: of, any: []string{"rejected connection on "},
			fields: []string{"remote-addr", "error"}, key: []string{"error"}},
		// etcdserver/server.go
		{id: "etcd-publish-failed", kind: of, any: []string{"failed to publish local member to cluster through raft"},
			fields: []string{"error"}},
		// storage/wal, storage/backend
		{id: "etcd-data-bad", kind: of, any: []string{"wal: ", "failed to open database", "failed to open WAL",
			"failed to recover v3 backend from snapshot"},
			all: []string{`"level":"`}, re: re(`"level":"(?:error|dpanic|panic|fatal)"`), fields: []string{"msg", "error", "path"}},
		{id: "etcd-exits", kind: of, any: []string{`"level":"fatal"`, `"level":"panic"`}, fields: []string{"msg", "error"}},
	}
}

// apiserver is what kube-apiserver says, checked against apiserver v0.37.2.
func apiserver() []known {
	of := []Kind{APIServer}
	return []known{
		// texts of go.etcd.io/etcd/api/v3/v3rpc/rpctypes/error.go
		{id: "apiserver-etcd-error", kind: of, any: []string{"etcdserver: "},
			re: re(`etcdserver: (?P<error>[a-z][a-z0-9 :,]*)`), key: []string{"error"}},
		// google.golang.org/grpc/clientconn.go
		{id: "apiserver-etcd-dial-failed", kind: of, any: []string{"addrConn.createTransport failed to connect to "},
			re: re(`Addr: "(?P<addr>[^"]+)".*?Err: (?P<error>.*)`), key: []string{"addr"}},
		// k8s.io/utils/trace/trace.go
		{id: "apiserver-slow-request", kind: of, any: []string{"Trace["},
			re:  re(`Trace\[\d+\]: "(?P<name>[^"]+)".*?\(.*?total time: (?P<total>\w+)\)`),
			key: []string{"name"}, longest: "total"},
		// net/http/server.go; pkg/server/secure_serving.go passes it on
		{id: "apiserver-tls-handshake", kind: of, any: []string{"TLS handshake error from "},
			re:  re(`TLS handshake error from (?P<peer>\S+?):\d+: (?P<reason>.*)`),
			key: []string{"peer"}},
		// pkg/admission/plugin/webhook/*/dispatcher.go, pkg/util/webhook/error.go
		{id: "apiserver-webhook-failed", kind: of, any: []string{"ailed calling webhook"},
			re:  re(`[Ff]ailed calling webhook,? (?:failing (?P<mode>open|closed) )?[\\"]*(?P<webhook>[^\\": ]+)[\\"]*: (?P<error>.*)`),
			key: []string{"webhook"}},
		// pkg/endpoints/filters/authentication.go
		{id: "apiserver-auth-failed", kind: of, any: []string{"Unable to authenticate the request"},
			re: re(`err="(?P<error>(?:[^"\\]|\\.)*)"`), key: []string{"error"}},
		// pkg/server/filters/wrap.go
		{id: "apiserver-request-aborted", kind: of, any: []string{"Timeout or abort while handling"}},
		{id: "apiserver-exits", kind: of, any: []string{"command failed", "Error: unknown flag", "invalid argument"},
			opt: re(`err="(?P<error>(?:[^"\\]|\\.)*)"|Error: (?P<text>.*)`)},
	}
}
