package snapshot

import "time"

// A Webhook is one webhook of a Mutating- or ValidatingWebhookConfiguration.
type Webhook struct {
	Kind       string    `json:"kind"`   // Mutating, Validating
	Config     string    `json:"config"` // name of the configuration
	Name       string    `json:"name"`
	Rules      []string  `json:"rules"`             // "operations on group/version/resources (scope)"
	Service    string    `json:"service,omitempty"` // namespace/name:port/path
	URL        string    `json:"url,omitempty"`
	CA         string    `json:"ca,omitempty"` // SHA-256 of the CA bundle
	Failure    string    `json:"failure"`      // Fail, Ignore
	TimeoutS   int       `json:"timeoutS"`
	Namespaces string    `json:"namespaces,omitempty"` // selector; "" is all
	Objects    string    `json:"objects,omitempty"`    // selector; "" is all
	Conditions []string  `json:"conditions,omitempty"` // CEL
	Managers   []Manager `json:"managers,omitempty"`
	Created    time.Time `json:"created,omitzero"`
	Keeper     string    `json:"keeper,omitempty"` // as of a Workload
}

// An AdmissionPolicy is a Validating- or MutatingAdmissionPolicy or a binding
// of one.
type AdmissionPolicy struct {
	Kind        string    `json:"kind"` // the object's kind
	Name        string    `json:"name"`
	Policy      string    `json:"policy,omitempty"` // of a binding
	Failure     string    `json:"failure,omitempty"`
	Actions     []string  `json:"actions,omitempty"` // of a binding: Deny, Warn, Audit
	Rules       []string  `json:"rules,omitempty"`
	Namespaces  string    `json:"namespaces,omitempty"`
	Expressions []string  `json:"expressions,omitempty"` // CEL
	Param       string    `json:"param,omitempty"`       // kind of the parameter, or its name
	Created     time.Time `json:"created,omitzero"`
	Changed     time.Time `json:"changed,omitzero"` // the latest time at which who set fields of its spec changed anything of it
	Keeper      string    `json:"keeper,omitempty"` // as of a Workload
}

// An APIService is who serves a version of a group. Without a Service it is
// the API server itself.
type APIService struct {
	Name      string `json:"name"`
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Service   string `json:"service,omitempty"` // namespace/name:port
	Insecure  bool   `json:"insecure,omitempty"`
	CA        string `json:"ca,omitempty"` // SHA-256 of the CA bundle
	Priority  int64  `json:"priority,omitempty"`
	Available string `json:"available,omitempty"` // True, False, Unknown
	Keeper    string `json:"keeper,omitempty"`    // as of a Workload
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
}

// A CRD is a CustomResourceDefinition.
type CRD struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Versions    []string `json:"versions,omitempty"`   // that are served; the stored one first
	Conversion  string   `json:"conversion,omitempty"` // service or URL of the webhook
	Established string   `json:"established,omitempty"`
	Deleting    bool     `json:"deleting,omitempty"`
	Finalizers  []string `json:"finalizers,omitempty"`
	Problem     string   `json:"problem,omitempty"` // message of a condition that is not as it should be
}

// A PriorityClass is a PriorityClass object.
type PriorityClass struct {
	Name       string `json:"name"`
	Value      int64  `json:"value"`
	Default    bool   `json:"default,omitempty"`
	Preemption string `json:"preemption,omitempty"`
}

// A PriorityLevel is a PriorityLevelConfiguration.
type PriorityLevel struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // Limited, Exempt
	Shares   int64  `json:"shares"`
	Lendable int64  `json:"lendable,omitempty"` // percent
	Response string `json:"response,omitempty"` // Queue, Reject
	Queues   int64  `json:"queues,omitempty"`
	Borrow   *int64 `json:"borrow,omitempty"` // percent of its share that it may borrow; nil for any
	Keeper   string `json:"keeper,omitempty"` // as of a Workload
}

// A FlowSchema says which requests go to which PriorityLevel.
type FlowSchema struct {
	Name       string   `json:"name"`
	Level      string   `json:"level"`
	Precedence int64    `json:"precedence"`
	Subjects   []string `json:"subjects,omitempty"`
	Rules      []string `json:"rules,omitempty"`
	Dangling   string   `json:"dangling,omitempty"` // status of the condition
}

// A Quota is a ResourceQuota: "pods" to "used/hard".
type Quota struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Used      map[string]string `json:"used"`
	Scopes    []string          `json:"scopes,omitempty"`
}

// A LimitRange is a LimitRange object, one line a limit.
type LimitRange struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	Limits    []string `json:"limits"` // "Container max cpu=1"
}

// A NetworkPolicy is a NetworkPolicy object as far as it has an effect.
type NetworkPolicy struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Pods      string    `json:"pods,omitempty"` // selector; "" is all
	Types     []string  `json:"types"`
	Ingress   []string  `json:"ingress,omitempty"` // "from ... ports ..."; none denies all
	Egress    []string  `json:"egress,omitempty"`
	Created   time.Time `json:"created,omitzero"`
}

// A DisruptionBudget is a PodDisruptionBudget.
type DisruptionBudget struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Pods      string `json:"pods,omitempty"`
	Min       string `json:"min,omitempty"`
	Max       string `json:"max,omitempty"`
	Allowed   int64  `json:"allowed"` // disruptions now
	Healthy   int64  `json:"healthy"`
	Desired   int64  `json:"desired"`
	Expected  int64  `json:"expected"`
}

// A Namespace is a Namespace object.
type Namespace struct {
	Name       string            `json:"name"`
	Phase      string            `json:"phase"`
	Finalizers []string          `json:"finalizers,omitempty"` // of spec and metadata
	Deleting   time.Time         `json:"deleting,omitzero"`
	Conditions []Condition       `json:"conditions,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

// A Volume is a PersistentVolume or, with a namespace, a claim.
type Volume struct {
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name"`
	Phase     string    `json:"phase"`
	Class     string    `json:"class,omitempty"`
	Size      string    `json:"size,omitempty"`
	Bound     string    `json:"bound,omitempty"`  // the other side
	Source    string    `json:"source,omitempty"` // of a volume: csi/driver, hostPath/path, nfs/server:path
	Modes     []string  `json:"modes,omitempty"`
	Deleting  bool      `json:"deleting,omitempty"`
	Message   string    `json:"message,omitempty"`
	Created   time.Time `json:"created,omitzero"`
}

// A StorageClass is a StorageClass object.
type StorageClass struct {
	Name        string `json:"name"`
	Provisioner string `json:"provisioner"`
	Binding     string `json:"binding,omitempty"`
	Reclaim     string `json:"reclaim,omitempty"`
	Default     bool   `json:"default,omitempty"`
}

// A CSIDriver is a CSIDriver object, with the nodes that say they have it.
type CSIDriver struct {
	Name   string   `json:"name"`
	Attach bool     `json:"attach"`
	Known  bool     `json:"known"` // there is a CSIDriver object
	Nodes  []string `json:"nodes,omitempty"`
}

// A RuntimeClass is a RuntimeClass object.
type RuntimeClass struct {
	Name         string            `json:"name"`
	Handler      string            `json:"handler"`
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
}

// A CSR is a CertificateSigningRequest.
type CSR struct {
	Name     string    `json:"name"`
	Signer   string    `json:"signer"`
	User     string    `json:"user,omitempty"`
	Groups   []string  `json:"groups,omitempty"`
	Usages   []string  `json:"usages,omitempty"`
	States   []string  `json:"states,omitempty"` // Approved, Denied, Failed, Issued; none is pending
	Message  string    `json:"message,omitempty"`
	Created  time.Time `json:"created,omitzero"`
	Requests string    `json:"requests,omitempty"` // subject that is asked for
}

// A ConfigMap is one that the cluster itself lives by, with its data.
type ConfigMap struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Data      map[string]string `json:"data"` // each bounded
	Managers  []Manager         `json:"managers,omitempty"`
	Keeper    string            `json:"keeper,omitempty"` // as of a Workload
}
