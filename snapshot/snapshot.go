// Package snapshot holds the typed evidence that every rule reads.
//
// A Snapshot is plain data. It has no method that touches a machine, it
// marshals to JSON and back without loss, and nothing changes it once the
// collectors are done. A rule therefore gives the same answer on a live node,
// on a bundle opened a year later, and in a test.
//
// # Invariants
//
//   - Only the standard library is imported.
//   - A section that was not collected is nil and a [Gap] says why. A rule is
//     never run without the sections it needs, so unknown is never taken for
//     healthy.
//   - Time is [Snapshot.At], never the wall clock.
//   - Private keys and tokens never enter: fingerprints and what a check of
//     them said do.
//   - Fields are only ever added, so that an older bundle still reads.
package snapshot

import (
	"reflect"
	"strings"
	"time"
)

// Version is the schema version written into every snapshot.
const Version = 1

// A Snapshot is what was known about one node at one moment.
type Snapshot struct {
	Version int       `json:"version"`
	Node    string    `json:"node"` // the node's Kubernetes name, else its host name
	At      time.Time `json:"at"`   // when collection began, by the node's clock
	Tool    string    `json:"tool"` // version of klustered that collected it
	// Offline says that files alone were read, of a node that does not run
	// here: what runs or answers was not looked at.
	Offline bool `json:"offline,omitempty"`

	Host        *Host        `json:"host,omitempty"`
	Kernel      *Kernel      `json:"kernel,omitempty"`
	Clock       *Clock       `json:"clock,omitempty"`
	Storage     *Storage     `json:"storage,omitempty"`
	Limits      *Limits      `json:"limits,omitempty"`
	Processes   *Processes   `json:"processes,omitempty"`
	Descriptors *Descriptors `json:"descriptors,omitempty"`
	Locks       *Locks       `json:"locks,omitempty"`
	BPF         *BPF         `json:"bpf,omitempty"`
	View        *View        `json:"view,omitempty"`
	Activity    *Activity    `json:"activity,omitempty"`
	Cgroups     *Cgroups     `json:"cgroups,omitempty"`
	Sysctls     *Sysctls     `json:"sysctls,omitempty"`
	Modules     *Modules     `json:"modules,omitempty"`
	Users       *Users       `json:"users,omitempty"`
	Systemd     *Systemd     `json:"systemd,omitempty"`
	Persistence *Persistence `json:"persistence,omitempty"`
	Trust       *Trust       `json:"trust,omitempty"`
	Shell       *Shell       `json:"shell,omitempty"`
	Access      *Access      `json:"access,omitempty"`
	Loader      *Loader      `json:"loader,omitempty"`
	Files       *Files       `json:"files,omitempty"`
	Programs    *Programs    `json:"programs,omitempty"`
	Logs        *Logs        `json:"logs,omitempty"`
	Journal     *Journal     `json:"journal,omitempty"`
	Trail       *Trail       `json:"trail,omitempty"`
	Runtime     *Runtime     `json:"runtime,omitempty"`
	Containerd  *Containerd  `json:"containerd,omitempty"`
	CNI         *CNI         `json:"cni,omitempty"`
	Network     *Network     `json:"network,omitempty"`
	Sockets     *Sockets     `json:"sockets,omitempty"`
	Names       *Names       `json:"names,omitempty"`
	Probes      *Probes      `json:"probes,omitempty"`
	Kubelet     *Kubelet     `json:"kubelet,omitempty"`
	PKI         *PKI         `json:"pki,omitempty"`
	Kubeconfigs *Kubeconfigs `json:"kubeconfigs,omitempty"`
	Static      *Static      `json:"static,omitempty"`
	Etcd        *Etcd        `json:"etcd,omitempty"`
	Cluster     *Cluster     `json:"cluster,omitempty"`
	Baseline    *Baseline    `json:"baseline,omitempty"`

	Gaps   []Gap    `json:"gaps,omitempty"`
	Timing []Timing `json:"timing,omitempty"`
}

// A Section names one part of a Snapshot: the JSON name of its field.
type Section string

// The sections.
const (
	SectionHost        Section = "host"
	SectionKernel      Section = "kernel"
	SectionClock       Section = "clock"
	SectionStorage     Section = "storage"
	SectionLimits      Section = "limits"
	SectionProcesses   Section = "processes"
	SectionDescriptors Section = "descriptors"
	SectionLocks       Section = "locks"
	SectionBPF         Section = "bpf"
	SectionView        Section = "view"
	SectionActivity    Section = "activity"
	SectionCgroups     Section = "cgroups"
	SectionSysctls     Section = "sysctls"
	SectionModules     Section = "modules"
	SectionUsers       Section = "users"
	SectionSystemd     Section = "systemd"
	SectionPersistence Section = "persistence"
	SectionTrust       Section = "trust"
	SectionShell       Section = "shell"
	SectionAccess      Section = "access"
	SectionLoader      Section = "loader"
	SectionFiles       Section = "files"
	SectionPrograms    Section = "programs"
	SectionLogs        Section = "logs"
	SectionJournal     Section = "journal"
	SectionTrail       Section = "trail"
	SectionRuntime     Section = "runtime"
	SectionContainerd  Section = "containerd"
	SectionCNI         Section = "cni"
	SectionNetwork     Section = "network"
	SectionSockets     Section = "sockets"
	SectionNames       Section = "names"
	SectionProbes      Section = "probes"
	SectionKubelet     Section = "kubelet"
	SectionPKI         Section = "pki"
	SectionKubeconfigs Section = "kubeconfigs"
	SectionStatic      Section = "static"
	SectionEtcd        Section = "etcd"
	SectionCluster     Section = "cluster"
	SectionBaseline    Section = "baseline"
)

// A Gap records evidence that was sought and not obtained.
type Gap struct {
	Section Section `json:"section"`
	Source  string  `json:"source"` // the path, socket or address
	Reason  string  `json:"reason"`
}

// A Timing is how long one collector took.
type Timing struct {
	Name string  `json:"name"`
	Ms   float64 `json:"ms"`
}

// Sections returns every section, in the order of the fields.
func Sections() []Section {
	var all []Section
	t := reflect.TypeFor[Snapshot]()
	for i := range t.NumField() {
		if t.Field(i).Type.Kind() == reflect.Pointer {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			all = append(all, Section(name))
		}
	}
	return all
}

// Has reports whether section x was collected.
func (s *Snapshot) Has(x Section) bool {
	v := field(s, x)
	return v.IsValid() && !v.IsNil()
}

// Only returns a copy of s that holds just the given sections.
func (s *Snapshot) Only(keep ...Section) *Snapshot {
	c := &Snapshot{Version: s.Version, Node: s.Node, At: s.At, Tool: s.Tool, Offline: s.Offline}
	for _, x := range keep {
		if from := field(s, x); from.IsValid() {
			field(c, x).Set(from)
		}
	}
	return c
}

func field(s *Snapshot, x Section) reflect.Value {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == string(x) && v.Field(i).Kind() == reflect.Pointer {
			return v.Field(i)
		}
	}
	return reflect.Value{}
}

// Take sets section x of s to that of from.
func (s *Snapshot) Take(from *Snapshot, x Section) {
	if to := field(s, x); to.IsValid() {
		to.Set(field(from, x))
	}
}
