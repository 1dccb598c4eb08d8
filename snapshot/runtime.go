package snapshot

import "time"

// Runtime is the container runtime: its configuration and its CRI answers.
type Runtime struct {
	Name       string      `json:"name,omitempty"`
	Version    string      `json:"version,omitempty"`
	Socket     string      `json:"socket"`
	Running    bool        `json:"running"`         // a process of it lives
	Reachable  bool        `json:"reachable"`       // CRI answered
	Error      string      `json:"error,omitempty"` // why it did not
	Conditions []Condition `json:"conditions,omitempty"`
	Sandboxes  []Sandbox   `json:"sandboxes,omitempty"`
	Containers []Container `json:"containers,omitempty"`
	Config     *Text       `json:"config,omitempty"`
	ConfigErr  string      `json:"configErr,omitempty"`
	CNIConfDir string      `json:"cniConfDir,omitempty"` // effective
	CNIBinDirs []string    `json:"cniBinDirs,omitempty"` // effective
	CNIMaxConf int         `json:"cniMaxConf,omitempty"`

	Settings  *RuntimeConfig    `json:"settings,omitempty"` // all of the configuration
	Docker    *Text             `json:"docker,omitempty"`   // /etc/docker/daemon.json
	Images    []Image           `json:"images,omitempty"`
	ImageFS   []ImageFS         `json:"imageFS,omitempty"`
	Handlers  []RuntimeHandler  `json:"handlers,omitempty"`  // as the CRI tells them: Name and Features
	Features  []string          `json:"features,omitempty"`  // of the runtime as a whole
	Endpoints []RuntimeEndpoint `json:"endpoints,omitempty"` // sockets that the kubelet and others are told, and those that are there
}

// A Condition is a named state with its reason, of the runtime or of an object.
type Condition struct {
	Type    string    `json:"type"`
	Status  string    `json:"status"` // True, False, Unknown
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Heartbeat is when the kubelet last said so of its node; zero for all else.
	Heartbeat time.Time `json:"heartbeat,omitzero" diff:"-"`
}

// Condition returns the condition of that type.
func (r *Runtime) Condition(kind string) (Condition, bool) { return condition(r.Conditions, kind) }

func condition(list []Condition, kind string) (Condition, bool) {
	for _, c := range list {
		if c.Type == kind {
			return c, true
		}
	}
	return Condition{}, false
}

// A Sandbox is a pod as the runtime knows it.
type Sandbox struct {
	ID        string    `json:"id"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       string    `json:"uid"`
	Ready     bool      `json:"ready"`
	Created   time.Time `json:"created,omitzero"`
	IP        string    `json:"ip,omitempty"`
	PID       int       `json:"pid,omitempty"`
	NetNS     string    `json:"netns,omitempty"` // path
	HostNet   bool      `json:"hostNet,omitempty"`
	IPs       []string  `json:"ips,omitempty"`     // besides IP
	Handler   string    `json:"handler,omitempty"` // "" is the default one
	Source    string    `json:"source,omitempty"`  // annotation kubernetes.io/config.source: api, file, http
	Mirror    string    `json:"mirror,omitempty"`  // annotation kubernetes.io/config.hash of a static pod
	Attempt   int       `json:"attempt,omitempty"`
}

// A Container is a container as the runtime knows it.
type Container struct {
	ID        string           `json:"id"`
	Sandbox   string           `json:"sandbox"`
	Namespace string           `json:"namespace"`
	Pod       string           `json:"pod"`
	Name      string           `json:"name"`
	Image     string           `json:"image"`
	State     string           `json:"state"` // running, exited, created, unknown
	ExitCode  int              `json:"exitCode,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Attempt   int              `json:"attempt"`
	PID       int              `json:"pid,omitempty"`
	Started   time.Time        `json:"started,omitzero"`
	Finished  time.Time        `json:"finished,omitzero"`
	Log       string           `json:"log,omitempty"` // path
	UID       string           `json:"uid,omitempty"` // the pod's, by label
	ImageID   string           `json:"imageID,omitempty"`
	ImageRef  string           `json:"imageRef,omitempty"` // what it runs: NAME@DIGEST, or the ID
	Message   string           `json:"message,omitempty"`
	Created   time.Time        `json:"created,omitzero"`
	Restarts  int              `json:"restarts,omitempty"` // by the kubelet's annotation
	Mounts    []ContainerMount `json:"mounts,omitempty"`
}

// CNI is the pod network's configuration and its plugin programs.
type CNI struct {
	ConfDir string        `json:"confDir"`
	BinDirs []string      `json:"binDirs"`
	Files   []CNIFile     `json:"files"`            // in the runtime's order; the first loadable kind wins
	Others  []Text        `json:"others,omitempty"` // files in ConfDir that the runtime does not read (wrong ending)
	Plugins []Binary      `json:"plugins"`          // programs in BinDirs
	Spares  []Binary      `json:"spares,omitempty"` // CNI plugin programs found elsewhere on the node
	Cached  []CNICached   `json:"cached,omitempty"` // newest first, one for each distinct configuration
	IPAM    []IPAMNetwork `json:"ipam,omitempty"`
	// Elsewhere are configurations in the folders that runtimes read unless
	// they are told otherwise, where ConfDir is another.
	Elsewhere []CNIFile `json:"elsewhere,omitempty"`
}

// A CNIFile is one configuration file of the directory.
type CNIFile struct {
	Text
	Error      string      `json:"error,omitempty"` // why it does not parse
	ErrorLine  int         `json:"errorLine,omitempty"`
	Name       string      `json:"name,omitempty"`
	CNIVersion string      `json:"cniVersion,omitempty"`
	Plugins    []CNIPlugin `json:"plugins,omitempty"`
}

// A CNIPlugin is one plugin of a configuration.
type CNIPlugin struct {
	Type         string   `json:"type"`
	Line         int      `json:"line,omitempty"`
	IPAM         string   `json:"ipam,omitempty"`
	Bridge       string   `json:"bridge,omitempty"`
	Subnets      []string `json:"subnets,omitempty"`
	Capabilities []string `json:"capabilities,omitempty"` // such as bandwidth
}

// A CNICached is a file of /var/lib/cni/results: the very configuration with
// which the runtime attached a pod, kept by libcni for the detachment.
type CNICached struct {
	Path        string    `json:"path"`
	Network     string    `json:"network"`
	ContainerID string    `json:"containerID"`
	Config      string    `json:"config"` // JSON of the network configuration list
	Modified    time.Time `json:"modified,omitzero"`
	Pods        int       `json:"pods"` // attachments with the same configuration
}
