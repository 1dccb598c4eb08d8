package snapshot

import "time"

// Containerd is what containerd keeps on disk, read whether or not it runs,
// and the containers of the node that no pod accounts for.
type Containerd struct {
	Root     string    `json:"root"`  // folder of what lasts
	State    string    `json:"state"` // folder of what runs
	DB       string    `json:"db"`    // the file of its metadata
	Size     int64     `json:"size,omitempty"`
	Modified time.Time `json:"modified,omitzero"`
	Schema   int       `json:"schema,omitempty"`
	Error    string    `json:"error,omitempty"` // why the metadata cannot be read

	Namespaces []ContainerdNamespace `json:"namespaces,omitempty"`
	Tasks      []ContainerdTask      `json:"tasks,omitempty"`
	Shims      []Shim                `json:"shims,omitempty"`
	Strays     []Stray               `json:"strays,omitempty"`
}

// Namespace returns the namespace of that name.
func (c *Containerd) Namespace(name string) (ContainerdNamespace, bool) {
	for _, n := range c.Namespaces {
		if n.Name == name {
			return n, true
		}
	}
	return ContainerdNamespace{}, false
}

// A ContainerdNamespace is a set of containers and images of one client. That
// of Kubernetes is k8s.io, that of docker moby.
type ContainerdNamespace struct {
	Name       string            `json:"name"`
	Labels     map[string]string `json:"labels,omitempty"`
	Images     []StoredImage     `json:"images,omitempty"`
	Containers []StoredContainer `json:"containers,omitempty"`
	Leases     []StoredLease     `json:"leases,omitempty"`
	Sandboxes  []string          `json:"sandboxes,omitempty"` // IDs of the sandbox store
	Snapshots  map[string]int    `json:"snapshots,omitempty"` // count by snapshotter
	Blobs      int               `json:"blobs,omitempty"`
	BlobBytes  int64             `json:"blobBytes,omitempty"`
}

// A StoredImage is a name and the digest to which it leads.
type StoredImage struct {
	Name      string            `json:"name"`
	Digest    string            `json:"digest"`
	MediaType string            `json:"mediaType,omitempty"`
	Size      int64             `json:"size,omitempty"` // of the manifest, in bytes
	Created   time.Time         `json:"created,omitzero"`
	Updated   time.Time         `json:"updated,omitzero"`
	Labels    map[string]string `json:"labels,omitempty"`
	Manifest  Answer            `json:"manifest,omitempty"` // the manifest, or the index of several platforms, lies in the content store
	Sound     Answer            `json:"sound,omitempty"`    // manifest and configuration have the sums that they are named by
	Config    string            `json:"config,omitempty"`   // digest of the configuration, which is the ID of the CRI
	ConfigIs  Answer            `json:"configIs,omitempty"` // it lies there too
	Platform  string            `json:"platform,omitempty"` // os/architecture, by the configuration
	Layers    int               `json:"layers,omitempty"`
	Missing   int               `json:"missing,omitempty"` // layers that do not lie there; those that were unpacked may be discarded
}

// A StoredContainer is a container as its client made it, running or not.
type StoredContainer struct {
	ID          string    `json:"id"`
	Image       string    `json:"image,omitempty"`
	Runtime     string    `json:"runtime,omitempty"`
	Snapshotter string    `json:"snapshotter,omitempty"`
	SnapshotKey string    `json:"snapshotKey,omitempty"`
	Created     time.Time `json:"created,omitzero"`
	Updated     time.Time `json:"updated,omitzero"`
	Kind        string    `json:"kind,omitempty"`    // sandbox, container; "" where no CRI made it
	Sandbox     string    `json:"sandbox,omitempty"` // of a pod's container
	Namespace   string    `json:"namespace,omitempty"`
	Pod         string    `json:"pod,omitempty"`
	UID         string    `json:"uid,omitempty"`
	Name        string    `json:"name,omitempty"` // of the container in its pod
	// Labels are those of a container that is in no pod; secrets replaced.
	Labels map[string]string `json:"labels,omitempty"`
	Spec   *ContainerSpec    `json:"spec,omitempty"` // of one that is in no pod
}

// A ContainerSpec is what a container runs as, by its OCI configuration.
type ContainerSpec struct {
	Args       []string         `json:"args,omitempty"` // secrets replaced; of a pod's container the program alone
	Cwd        string           `json:"cwd,omitempty"`
	UID        uint32           `json:"uid"`
	GID        uint32           `json:"gid"`
	Hostname   string           `json:"hostname,omitempty"`
	Cgroup     string           `json:"cgroup,omitempty"`
	Shared     []string         `json:"shared,omitempty"`     // kinds of namespaces that are the node's own: pid, network, mount, ipc, uts
	Joined     []string         `json:"joined,omitempty"`     // KIND=PATH of another's
	Privileged bool             `json:"privileged,omitempty"` // holds CAP_SYS_ADMIN
	Mounts     []ContainerMount `json:"mounts,omitempty"`     // of the node's files, but those made for a pod
	Hooks      []string         `json:"hooks,omitempty"`      // programs that run on the node as it starts or ends
}

// A StoredLease keeps content from being collected as garbage.
type StoredLease struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created,omitzero"`
	Expires string    `json:"expires,omitempty"` // label containerd.io/gc.expire
}

// A ContainerdTask is a container that was started, by its folder below the
// state folder.
type ContainerdTask struct {
	Namespace string         `json:"namespace"`
	ID        string         `json:"id"`
	PID       int            `json:"pid,omitempty"`   // of its first process
	Alive     Answer         `json:"alive,omitempty"` // a process of that number runs
	Spec      *ContainerSpec `json:"spec,omitempty"`
	Kind      string         `json:"kind,omitempty"` // sandbox, container
	Pod       string         `json:"pod,omitempty"`  // NAMESPACE/NAME
	Sandbox   string         `json:"sandbox,omitempty"`
	Stored    Answer         `json:"stored,omitempty"`  // the metadata has it
	Listed    Answer         `json:"listed,omitempty"`  // the CRI lists it
	Program   *LayerFile     `json:"program,omitempty"` // of the live node's kube-system pods, and of what is in no pod
	Error     string         `json:"error,omitempty"`
}

// A LayerFile is a container's program as it lies in the layers of its image,
// on the node.
type LayerFile struct {
	Path     string    `json:"path"`               // in the container
	File     string    `json:"file"`               // on the node
	Writable bool      `json:"writable,omitempty"` // in the container's own layer: it replaces the image's
	Layer    int       `json:"layer,omitempty"`    // from the uppermost of the image, which is 1
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified,omitzero"`
	Changed  time.Time `json:"changed,omitzero"` // when the file was last written, renamed or given other attributes; no call sets it
	// Unpacked is when the layer's top folder was last changed: as a rule while
	// its image was unpacked, seconds before the last of the files.
	Unpacked time.Time `json:"unpacked,omitzero"`
	GoMain   string    `json:"goMain,omitempty"`
	GoModule string    `json:"goModule,omitempty"`
	Script   string    `json:"script,omitempty"` // interpreter of the #! line
}

// A Shim is a process that holds containers for containerd.
type Shim struct {
	PID       int    `json:"pid"`
	Program   string `json:"program,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	ID        string `json:"id,omitempty"`      // of the container it was started for
	Address   string `json:"address,omitempty"` // of the containerd it reports to
	Task      Answer `json:"task,omitempty"`    // that container has a folder of state
}

// A Stray is a group of processes in a control group that looks like a
// container's, of a container that the CRI does not list, or that neither
// systemd nor the kubelet makes.
type Stray struct {
	ID        string   `json:"id,omitempty"` // container ID in the group's path
	Cgroup    string   `json:"cgroup"`
	Engine    string   `json:"engine,omitempty"`  // by the group's name: docker, podman, crio, containerd, lxc, machine, other
	KnownTo   string   `json:"knownTo,omitempty"` // who else accounts for it: containerd NAMESPACE, docker, podman
	PIDs      []int    `json:"pids"`              // at most 20
	Processes []string `json:"processes"`         // names of those
	Count     int      `json:"count"`
}
