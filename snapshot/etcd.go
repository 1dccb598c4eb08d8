package snapshot

import "time"

// Etcd is the etcd member of this node, online when it answers and from its
// files when it does not.
type Etcd struct {
	Endpoint    string       `json:"endpoint,omitempty"`
	Running     bool         `json:"running"`   // a process of it lives
	Reachable   bool         `json:"reachable"` // it answered
	Error       string       `json:"error,omitempty"`
	Offline     bool         `json:"offline,omitempty"` // what follows was read from the db file
	DataDir     string       `json:"dataDir,omitempty"`
	DBPath      string       `json:"dbPath,omitempty"`
	DBFileSize  int64        `json:"dbFileSize,omitempty" diff:"-"` // bytes
	Device      string       `json:"device,omitempty"`              // major:minor under DataDir
	Quota       int64        `json:"quota,omitempty"`               // bytes in force
	QuotaSource string       `json:"quotaSource,omitempty"`         // file, or "default"
	QuotaLine   int          `json:"quotaLine,omitempty"`
	Members     []EtcdMember `json:"members,omitempty"`
	Status      *EtcdStatus  `json:"status,omitempty"`
	Alarms      []EtcdAlarm  `json:"alarms,omitempty"`
	Latency     *EtcdLatency `json:"latency,omitempty" diff:"-"`
	Prefixes    []EtcdPrefix `json:"prefixes,omitempty"`         // biggest first
	Writers     []EtcdWriter `json:"writers,omitempty" diff:"-"` // busiest first

	Failure     string         `json:"failure,omitempty"`     // kind of Error: EtcdRefused and those below it
	Certificate string         `json:"certificate,omitempty"` // file of the certificate that was shown to it
	Store       *EtcdStore     `json:"store,omitempty"`
	WAL         *EtcdWAL       `json:"wal,omitempty"`
	Endpoints   []EtcdEndpoint `json:"endpoints,omitempty"` // of all members, as far as they are known
}

// An EtcdMember is an entry of the member list.
type EtcdMember struct {
	ID         string   `json:"id"` // hex
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peerURLs"`
	ClientURLs []string `json:"clientURLs"`
	Learner    bool     `json:"learner,omitempty"`
}

// EtcdStatus is Maintenance.Status, or what the file says.
type EtcdStatus struct {
	MemberID  string   `json:"memberID"`
	Leader    string   `json:"leader"` // member ID, "0" for none
	Term      uint64   `json:"term"`
	Revision  int64    `json:"revision" diff:"-"`
	Compacted int64    `json:"compacted,omitempty" diff:"-"`
	DBSize    int64    `json:"dbSize" diff:"-"` // bytes
	InUse     int64    `json:"inUse" diff:"-"`  // bytes
	Version   string   `json:"version"`
	Errors    []string `json:"errors,omitempty"`
}

// An EtcdAlarm is a raised alarm.
type EtcdAlarm struct {
	Member string `json:"member"`
	Kind   string `json:"kind"` // NOSPACE, CORRUPT
}

// EtcdLatency is how fast etcd is now: timed reads and a write-free view of
// its histograms. Recent figures are the change over Window; -1 where nothing
// was counted in it.
type EtcdLatency struct {
	LinearizableMs   float64 `json:"linearizableMs"`
	SerializableMs   float64 `json:"serializableMs"`
	FsyncP99Ms       float64 `json:"fsyncP99Ms"`    // WAL fsync, since start
	FsyncRecentMs    float64 `json:"fsyncRecentMs"` // mean over Window
	CommitP99Ms      float64 `json:"commitP99Ms"`   // backend commit, since start
	CommitRecentMs   float64 `json:"commitRecentMs"`
	LeaderChanges    float64 `json:"leaderChanges"` // since start
	ProposalsFailed  float64 `json:"proposalsFailed"`
	ProposalsPending float64 `json:"proposalsPending"`
	SlowApplies      float64 `json:"slowApplies"`
	SlowReads        float64 `json:"slowReads"`        // reads of an index, since start
	HeartbeatsFailed float64 `json:"heartbeatsFailed"` // since start
	PeerP99Ms        float64 `json:"peerP99Ms"`        // round trip to the slowest peer, since start; -1 without peers
	Committed        float64 `json:"committed"`        // entries
	Applied          float64 `json:"applied"`          // entries
	HasLeader        bool    `json:"hasLeader"`
	ReadIndexFailed  float64 `json:"readIndexFailed"` // since start
	WindowMs         float64 `json:"windowMs"`
}

// An EtcdPrefix is a share of the key space.
type EtcdPrefix struct {
	Prefix   string `json:"prefix"` // such as /registry/configmaps/
	Keys     int    `json:"keys" diff:"-"`
	Bytes    int64  `json:"bytes" diff:"-"`             // of the latest revisions
	Versions int64  `json:"versions" diff:"-"`          // sum of the keys' versions: how often they were written
	History  int64  `json:"history,omitempty" diff:"-"` // bytes of all stored revisions, offline only
}

// An EtcdWriter is a key that is written much, and who writes it.
type EtcdWriter struct {
	Key       string    `json:"key"`
	Version   int64     `json:"version"`
	Bytes     int64     `json:"bytes"`             // of the latest value
	Churn     int64     `json:"churn"`             // Version times Bytes
	Manager   string    `json:"manager,omitempty"` // managedFields manager of the latest write
	Kind      string    `json:"kind,omitempty"`
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name,omitempty"`
	Last      time.Time `json:"last,omitzero"`
}

// Cluster is the Kubernetes objects, from wherever they could be read.
type Cluster struct {
	Source       string            `json:"source"` // api, etcd, etcd-file
	API          APIServer         `json:"api"`
	Nodes        []Node            `json:"nodes,omitempty"`
	Pods         []Pod             `json:"pods,omitempty"`
	Services     []Service         `json:"services,omitempty"`
	Endpoints    []Endpoint        `json:"endpoints,omitempty"`
	Workloads    []Workload        `json:"workloads,omitempty"` // Deployments, DaemonSets, StatefulSets, CronJobs
	Leases       []Lease           `json:"leases,omitempty"`
	Bindings     []Binding         `json:"bindings,omitempty"`
	Roles        []Role            `json:"roles,omitempty"`
	Settings     map[string]string `json:"settings,omitempty"` // podSubnet, serviceSubnet, dnsDomain, controlPlaneEndpoint, kubernetesVersion, proxyMode
	ControlPlane bool              `json:"controlPlane"`       // this node runs one, by its manifests

	// What else decides what becomes of a request or a pod. Lists are bounded;
	// a gap says what was left out.
	Controllers     []Workload         `json:"controllers,omitempty"` // ReplicaSets and Jobs that lack pods or failed
	Webhooks        []Webhook          `json:"webhooks,omitempty"`
	Admission       []AdmissionPolicy  `json:"admission,omitempty"` // policies and their bindings
	APIServices     []APIService       `json:"apiServices,omitempty"`
	CRDs            []CRD              `json:"crds,omitempty"`
	PriorityClasses []PriorityClass    `json:"priorityClasses,omitempty"`
	PriorityLevels  []PriorityLevel    `json:"priorityLevels,omitempty"`
	FlowSchemas     []FlowSchema       `json:"flowSchemas,omitempty"`
	Quotas          []Quota            `json:"quotas,omitempty"`
	LimitRanges     []LimitRange       `json:"limitRanges,omitempty"`
	NetworkPolicies []NetworkPolicy    `json:"networkPolicies,omitempty"`
	Budgets         []DisruptionBudget `json:"budgets,omitempty"` // PodDisruptionBudgets
	Namespaces      []Namespace        `json:"namespaces,omitempty"`
	Volumes         []Volume           `json:"volumes,omitempty"` // PersistentVolumes and their claims
	StorageClasses  []StorageClass     `json:"storageClasses,omitempty"`
	CSIDrivers      []CSIDriver        `json:"csiDrivers,omitempty"`
	RuntimeClasses  []RuntimeClass     `json:"runtimeClasses,omitempty"`
	Requests        []CSR              `json:"requests,omitempty"`        // CertificateSigningRequests
	ConfigMaps      []ConfigMap        `json:"configMaps,omitempty"`      // those that the cluster itself lives by
	Events          []Event            `json:"events,omitempty" diff:"-"` // deduplicated, latest first
	SystemRoles     []Role             `json:"systemRoles,omitempty"`
	GitOps          []GitOps           `json:"gitOps,omitempty"`
	Emptied         []EmptySlice       `json:"emptied,omitempty"` // EndpointSlices of Services without any address
}

// APIServer is how the API server answered on this node's way to it.
type APIServer struct {
	URL       string    `json:"url,omitempty"`
	Reachable bool      `json:"reachable"` // it answered at all
	Ready     bool      `json:"ready"`     // /readyz said ok
	Error     string    `json:"error,omitempty"`
	Failing   []string  `json:"failing,omitempty"`            // checks of /readyz?verbose that fail
	LatencyMs []float64 `json:"latencyMs,omitempty" diff:"-"` // of small reads that reach etcd, one each
	Identity  string    `json:"identity,omitempty"`           // whom the credentials used were taken for
	Denied    []string  `json:"denied,omitempty"`             // kinds that the credentials may not read
	Write     string    `json:"write,omitempty"`              // answer to a dry-run create: ok, or the error
	WriteMs   float64   `json:"writeMs,omitempty" diff:"-"`   // of the dry run, which ends before etcd
	PodWrite  string    `json:"podWrite,omitempty"`           // the same of a pod

	// Writes is how long writes take that others make: those wait for etcd's
	// disk, which neither reads nor a dry run do. Nil when it was not told.
	Writes *APIWrites `json:"writes,omitempty" diff:"-"`
}

// APIWrites is how the API server itself counts the requests that create,
// change or delete objects (apiserver_request_duration_seconds of its
// /metrics). Recent figures are the change over Window.
type APIWrites struct {
	Recent   int     `json:"recent"`   // writes that ended in the window
	RecentMs float64 `json:"recentMs"` // their mean; -1 where none ended
	WindowMs float64 `json:"windowMs"`
	Total    int     `json:"total"`  // since the server started
	MeanMs   float64 `json:"meanMs"` // since then; -1 where there was none
}

// A Node is a Node object.
type Node struct {
	Name         string      `json:"name"`
	Ready        string      `json:"ready"` // True, False, Unknown
	Conditions   []Condition `json:"conditions,omitempty"`
	Addresses    []string    `json:"addresses,omitempty"`
	PodCIDRs     []string    `json:"podCIDRs,omitempty"`
	Taints       []string    `json:"taints,omitempty"`
	Cordoned     bool        `json:"cordoned,omitempty"`
	ControlPlane bool        `json:"controlPlane,omitempty"`
	Kubelet      string      `json:"kubelet,omitempty"` // version

	Capacity    map[string]string `json:"capacity,omitempty"`
	Allocatable map[string]string `json:"allocatable,omitempty"`
	Info        *NodeInfo         `json:"info,omitempty"`
	Created     time.Time         `json:"created,omitzero"`
	Labels      map[string]string `json:"labels,omitempty"`
	Deleting    bool              `json:"deleting,omitempty"`
	Finalizers  []string          `json:"finalizers,omitempty"`
}

// A Pod is a Pod object.
type Pod struct {
	Namespace      string            `json:"namespace"`
	Name           string            `json:"name"`
	UID            string            `json:"uid,omitempty"`
	Node           string            `json:"node,omitempty"`
	Phase          string            `json:"phase"`
	Ready          bool              `json:"ready"`
	Reason         string            `json:"reason,omitempty"`
	Message        string            `json:"message,omitempty"`
	IP             string            `json:"ip,omitempty"`
	HostNet        bool              `json:"hostNet,omitempty"`
	Ports          []int             `json:"ports,omitempty"` // TCP container ports
	Owner          string            `json:"owner,omitempty"` // Kind/name
	ServiceAccount string            `json:"serviceAccount,omitempty"`
	Commands       []string          `json:"commands,omitempty"` // one a container: image and argv
	Restarts       int               `json:"restarts,omitempty"`
	Annotations    map[string]string `json:"annotations,omitempty"` // kubernetes.io/ and *.kubernetes.io/ only
	Deleting       bool              `json:"deleting,omitempty"`
	Created        time.Time         `json:"created,omitzero"`
	Labels         map[string]string `json:"labels,omitempty"`
	Detail         *PodDetail        `json:"detail,omitempty"` // nil for a healthy pod of another node in a large cluster
}

// A Service is a Service object.
type Service struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Type      string            `json:"type"`
	IPs       []string          `json:"ips,omitempty"`
	Ports     []ServicePort     `json:"ports,omitempty"`
	Selector  map[string]string `json:"selector,omitempty"`
	External  string            `json:"external,omitempty"` // externalName
	Created   time.Time         `json:"created,omitzero"`
	Keeper    string            `json:"keeper,omitempty"` // as of a Workload
}

// A ServicePort is a port of a Service.
type ServicePort struct {
	Name     string `json:"name,omitempty"`
	Protocol string `json:"protocol"`
	Port     int    `json:"port"`
	Target   string `json:"target,omitempty"`
	NodePort int    `json:"nodePort,omitempty"`
}

// An Endpoint is an address of an EndpointSlice.
type Endpoint struct {
	Namespace string `json:"namespace"`
	Service   string `json:"service"`
	Address   string `json:"address"`
	Port      int    `json:"port"`
	PortName  string `json:"portName,omitempty"`
	Ready     bool   `json:"ready"`
	Node      string `json:"node,omitempty"`
	Pod       string `json:"pod,omitempty"` // name, in Namespace
}

// An EmptySlice is an EndpointSlice that has no address. It was made with none
// when its Generation is 1.
type EmptySlice struct {
	Namespace  string    `json:"namespace"`
	Service    string    `json:"service"`
	Name       string    `json:"name"`
	Generation int       `json:"generation"`
	Changed    time.Time `json:"changed,omitzero"` // last write of it
}

// A Workload is an object that makes pods.
type Workload struct {
	Kind           string   `json:"kind"`
	Namespace      string   `json:"namespace"`
	Name           string   `json:"name"`
	Replicas       int      `json:"replicas"`
	Ready          int      `json:"ready"`
	ServiceAccount string   `json:"serviceAccount,omitempty"`
	Commands       []string `json:"commands,omitempty"`

	Images   []string          `json:"images,omitempty"`
	Owner    string            `json:"owner,omitempty"` // Kind/name
	Selector map[string]string `json:"selector,omitempty"`
	Paused   bool              `json:"paused,omitempty"`   // or, of a CronJob, suspended
	Message  string            `json:"message,omitempty"`  // of the first condition that speaks of a failure
	Managers []Manager         `json:"managers,omitempty"` // of objects of kube-system

	Keeper  string            `json:"keeper,omitempty"`  // object of Flux or Argo CD that keeps it as it is in a repository
	Labels  map[string]string `json:"labels,omitempty"`  // of its pods
	Selects map[string]string `json:"selects,omitempty"` // nodeSelector of its pods
	Created time.Time         `json:"created,omitzero"`  // when the object was made
}

// A Lease is a Lease object.
type Lease struct {
	Namespace   string    `json:"namespace"`
	Name        string    `json:"name"`
	Holder      string    `json:"holder,omitempty"`
	Renewed     time.Time `json:"renewed,omitzero" diff:"-"`
	Seconds     int       `json:"seconds,omitempty"`
	Transitions int       `json:"transitions,omitempty"`
}

// A Binding is a RoleBinding or, with no namespace, a ClusterRoleBinding.
type Binding struct {
	Namespace string   `json:"namespace,omitempty"`
	Name      string   `json:"name"`
	Role      string   `json:"role"`                // Kind/name
	Subjects  []string `json:"subjects"`            // User:name, Group:name, ServiceAccount:namespace/name
	Bootstrap bool     `json:"bootstrap,omitempty"` // labelled kubernetes.io/bootstrapping
	Keeper    string   `json:"keeper,omitempty"`    // as of a Workload
}

// A Role is a Role or, with no namespace, a ClusterRole that is not bootstrap policy.
type Role struct {
	Namespace string   `json:"namespace,omitempty"`
	Name      string   `json:"name"`
	Rules     []string `json:"rules"`            // "verbs on group/resources"
	Keeper    string   `json:"keeper,omitempty"` // as of a Workload
}

// Node returns the Node object of that name.
func (c *Cluster) Node(name string) (Node, bool) {
	for _, n := range c.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return Node{}, false
}
