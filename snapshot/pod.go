package snapshot

import "time"

// NodeInfo is what a kubelet says of its machine (status.nodeInfo).
type NodeInfo struct {
	Kernel       string `json:"kernel,omitempty"`
	OSImage      string `json:"osImage,omitempty"`
	Runtime      string `json:"runtime,omitempty"` // name://version
	Architecture string `json:"architecture,omitempty"`
	MachineID    string `json:"machineID,omitempty"`
	SystemUUID   string `json:"systemUUID,omitempty"`
	BootID       string `json:"bootID,omitempty"`
}

// PodDetail is what decides whether, where and how a pod runs.
type PodDetail struct {
	Containers    []PodContainer    `json:"containers,omitempty"` // init containers first
	Conditions    []Condition       `json:"conditions,omitempty"` // that are not True
	NodeSelector  map[string]string `json:"nodeSelector,omitempty"`
	Tolerations   []string          `json:"tolerations,omitempty"` // key=value:effect, with * for every key, and "for 300s" where it ends
	Scheduler     string            `json:"scheduler,omitempty"`   // where it is not default-scheduler
	Gates         []string          `json:"gates,omitempty"`       // scheduling gates
	Priority      int64             `json:"priority,omitempty"`
	PriorityClass string            `json:"priorityClass,omitempty"`
	RuntimeClass  string            `json:"runtimeClass,omitempty"`
	QOS           string            `json:"qos,omitempty"`
	HostPID       bool              `json:"hostPID,omitempty"`
	HostIPC       bool              `json:"hostIPC,omitempty"`
	DNSPolicy     string            `json:"dnsPolicy,omitempty"` // where it is not ClusterFirst
	Volumes       []string          `json:"volumes,omitempty"`   // name=source/of: config=configMap/coredns
	Finalizers    []string          `json:"finalizers,omitempty"`
	Started       time.Time         `json:"started,omitzero"`
}

// A PodContainer is a container of a pod: what was asked for and what became
// of it.
type PodContainer struct {
	Name       string            `json:"name"`
	Init       bool              `json:"init,omitempty"`
	Image      string            `json:"image,omitempty"`
	PullPolicy string            `json:"pullPolicy,omitempty"`
	State      string            `json:"state,omitempty"` // waiting, running, terminated
	Ready      bool              `json:"ready,omitempty"`
	Restarts   int               `json:"restarts,omitempty"`
	Reason     string            `json:"reason,omitempty"`
	Message    string            `json:"message,omitempty"`
	ExitCode   int               `json:"exitCode,omitempty"`
	Since      time.Time         `json:"since,omitzero"` // of running, or the end
	Last       *Termination      `json:"last,omitempty"` // how it ended before
	Probes     []string          `json:"probes,omitempty"`
	Requests   map[string]string `json:"requests,omitempty"`
	Limits     map[string]string `json:"limits,omitempty"`
	Privileged bool              `json:"privileged,omitempty"`
}

// Looping reports whether the container ends each time that it is started: it
// waits for its next start, has just failed again, or runs for a moment after
// that.
func (c PodContainer) Looping(at time.Time) bool {
	failed := c.Last != nil && c.Last.ExitCode != 0
	switch c.State {
	case "waiting":
		return c.Reason == "CrashLoopBackOff"
	case "terminated":
		return !c.Init && c.Restarts >= 1 && c.ExitCode != 0 && failed
	case "running":
		return !c.Init && !c.Ready && c.Restarts >= 2 && failed && at.Sub(c.Last.At) < time.Minute
	}
	return false
}

// A Termination is how a container ended.
type Termination struct {
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"`
	ExitCode int       `json:"exitCode"`
	Signal   int       `json:"signal,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// A Manager is who set fields of an object, by its managedFields.
type Manager struct {
	Name        string    `json:"name"`
	Operation   string    `json:"operation"` // Apply, Update
	Subresource string    `json:"subresource,omitempty"`
	At          time.Time `json:"at,omitzero"`
}

// An Event is what components said of one object, over and over.
type Event struct {
	Namespace string    `json:"namespace,omitempty"`
	Object    string    `json:"object"` // Kind/name
	Type      string    `json:"type,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Message   string    `json:"message,omitempty"`
	Component string    `json:"component,omitempty"`
	Host      string    `json:"host,omitempty"`
	Count     int       `json:"count"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
}

// A GitOps is an object of Flux or Argo CD that keeps others as they are in a
// repository: what is changed by hand comes back.
type GitOps struct {
	Kind      string `json:"kind"`
	Version   string `json:"version,omitempty"` // of its group, as the API server served it
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Ready     string `json:"ready,omitempty"`
	Suspended bool   `json:"suspended,omitempty"`
	Message   string `json:"message,omitempty"`
	Source    string `json:"source,omitempty"`

	SourceNamespace string `json:"sourceNamespace,omitempty"`   // of Source, where that is an object elsewhere
	Path            string `json:"path,omitempty"`              // in the repository; the chart of a HelmRelease
	Revision        string `json:"revision,omitempty" diff:"-"` // applied last, or fetched
	Automated       bool   `json:"automated,omitempty"`         // Argo CD applies without being asked
	// Drifts says that what is changed by hand stays until something new is in
	// the repository.
	Drifts bool   `json:"drifts,omitempty"`
	Chart  bool   `json:"chart,omitempty"`  // its objects are rendered from a chart of Helm
	Sync   string `json:"sync,omitempty"`   // spec.syncPolicy.automated, in JSON
	Named  bool   `json:"named,omitempty"`  // spec.suspend is there, whatever it says: its manifest may name it
	Keeper string `json:"keeper,omitempty"` // reconciler that keeps this one as it is in a repository
	Owner  string `json:"owner,omitempty"`  // kind and name of what makes it, such as an ApplicationSet
}
