package snapshot

import "time"

// Kubelet is the kubelet's process, configuration and health.
type Kubelet struct {
	Running       bool     `json:"running"`
	PID           int      `json:"pid,omitempty"`
	Args          []string `json:"args,omitempty"`
	Config        *Text    `json:"config,omitempty"`
	ConfigErr     string   `json:"configErr,omitempty"`
	Kubeconfig    string   `json:"kubeconfig,omitempty"`
	ClientCert    string   `json:"clientCert,omitempty"` // path
	StaticPodPath string   `json:"staticPodPath,omitempty"`
	ClusterDNS    []string `json:"clusterDNS,omitempty"`
	CgroupDriver  string   `json:"cgroupDriver,omitempty"`
	Endpoint      string   `json:"endpoint,omitempty"` // CRI socket
	NodeName      string   `json:"nodeName,omitempty"`
	Healthz       string   `json:"healthz,omitempty"` // body of http://127.0.0.1:10248/healthz, "" when it did not answer
	HealthErr     string   `json:"healthErr,omitempty"`

	Program     string `json:"program,omitempty"`     // path of the kubelet
	Version     string `json:"version,omitempty"`     // v1.37.2
	VersionFrom string `json:"versionFrom,omitempty"` // build information, package, manifest
	TableMinor  string `json:"tableMinor,omitempty"`  // release by which flags and fields were read

	// Effective is every setting by its path in KubeletConfiguration
	// (authentication.anonymous.enabled, evictionHard.memory.available), or by
	// its flag with dashes (--node-ip) where it is no field.
	Effective  map[string]Effective `json:"effective,omitempty"`
	Problems   []FieldProblem       `json:"problems,omitempty"`   // of configuration and arguments
	Start      *Start               `json:"start,omitempty"`      // nil when there is no unit
	ConfigPath string               `json:"configPath,omitempty"` // "" when it has no file
	DropIns    []string             `json:"dropIns,omitempty"`    // of the configuration, in the order they are merged
	Stale      []string             `json:"stale,omitempty"`      // files that changed after it started
	// Absent are files and folders that a setting names and that are not
	// there, by the setting's key as in Effective.
	Absent map[string]string `json:"absent,omitempty"`
	Others []string          `json:"others,omitempty"` // paths that weaker places of those settings name, and that are there
	// Files are those that its settings are read from: unit, drop-ins,
	// environment files, configuration and its drop-ins. Secrets replaced.
	Files      []Text       `json:"files,omitempty"`
	Names      []NameSource `json:"names,omitempty"`
	ClientLink string       `json:"clientLink,omitempty"` // where kubelet-client-current.pem leads
	Bootstrap  string       `json:"bootstrap,omitempty"`  // bootstrap kubeconfig, when it is there
	ServerCert string       `json:"serverCert,omitempty"` // path that it serves with
	States     []StateFile  `json:"states,omitempty"`
	Root       *Place       `json:"root,omitempty"` // --root-dir
	Pods       int          `json:"pods,omitempty"` // folders of pods below it
	Server     *Reply       `json:"server,omitempty"`
	Proxy      *Proxy       `json:"proxy,omitempty"` // kube-proxy, when it runs
}

// PKI is every certificate and key of the node, by fingerprint.
type PKI struct {
	Certificates []Certificate `json:"certificates"`
	Keys         []Key         `json:"keys"`
	Files        []PEMFile     `json:"files,omitempty"` // every file that was read for them
	Edges        []Edge        `json:"edges,omitempty"` // who shows a certificate to whom
}

// A Certificate is one certificate of a file, an embedded field or a handshake.
type Certificate struct {
	Path      string    `json:"path"`
	Subject   string    `json:"subject"`
	CN        string    `json:"cn,omitempty"`
	Orgs      []string  `json:"orgs,omitempty"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	SHA256    string    `json:"sha256,omitempty"` // of the DER
	SPKI      string    `json:"spki,omitempty"`   // SHA-256 of the public key
	CA        bool      `json:"ca,omitempty"`
	DNS       []string  `json:"dns,omitempty"`
	IPs       []string  `json:"ips,omitempty"`
	Usages    []string  `json:"usages,omitempty"`
	SignedBy  string    `json:"signedBy,omitempty"` // path of the CA on this node whose key signed it
	Error     string    `json:"error,omitempty"`    // why the file does not parse
	Mode      uint32    `json:"mode,omitempty"`
	Index     int       `json:"index,omitempty"`  // among the certificates of its file, from 1
	Line      int       `json:"line,omitempty"`   // where its block begins
	Serial    string    `json:"serial,omitempty"` // hex
	KeyUsages []string  `json:"keyUsages,omitempty"`
	SubjectID string    `json:"subjectId,omitempty"` // subject key identifier, hex
	IssuerID  string    `json:"issuerId,omitempty"`  // authority key identifier, hex
	Algorithm string    `json:"algorithm,omitempty"` // of the public key, such as RSA 2048
	Signature string    `json:"signature,omitempty"` // algorithm, such as SHA256-RSA
	// PEM is the block itself, of an authority that a kubeconfig embeds: what
	// its file is restored from.
	PEM string `json:"pem,omitempty"`
}

// A Key is a private key's fingerprint. The key itself is never kept.
type Key struct {
	Path  string `json:"path"`
	SPKI  string `json:"spki,omitempty"` // SHA-256 of its public key
	Mode  uint32 `json:"mode"`
	Error string `json:"error,omitempty"`
	Line  int    `json:"line,omitempty"` // where its block begins
	// Public says that the file holds the public half alone.
	Public bool `json:"public,omitempty"`
}

// Kubeconfigs are the client configurations found on the node, parsed and
// never executed, and the users' kuberc files.
type Kubeconfigs struct {
	Files   []Kubeconfig `json:"files"`
	Kubercs []Kuberc     `json:"kubercs,omitempty"`

	// Others lie about and nothing is known to use them: found by content.
	Others  []Kubeconfig       `json:"others,omitempty"`
	Merged  []MergedKubeconfig `json:"merged,omitempty"`  // of every KUBECONFIG that names several
	Plugins []KubectlPlugin    `json:"plugins,omitempty"` // of kubectl
	Krew    []string           `json:"krew,omitempty"`    // receipts of what krew installed
	Caches  []KubeCache        `json:"caches,omitempty"`
}

// A Kubeconfig is one client configuration. Text.Content has its secrets
// replaced by their fingerprints.
type Kubeconfig struct {
	Text
	Error    string              `json:"error,omitempty"`
	Current  string              `json:"current,omitempty"`
	Clusters []KubeconfigCluster `json:"clusters,omitempty"`
	Contexts []KubeconfigContext `json:"contexts,omitempty"`
	Users    []KubeconfigUser    `json:"users,omitempty"`

	APIVersion string             `json:"apiVersion,omitempty"`
	Found      []string           `json:"found,omitempty"` // how: node, home, content, PID NAME, FILE:LINE
	Odd        []KubeconfigOddity `json:"odd,omitempty"`
	Extensions []string           `json:"extensions,omitempty"` // names, of any entry
}

// A KubeconfigCluster is an entry of clusters.
type KubeconfigCluster struct {
	Name      string `json:"name"`
	Line      int    `json:"line"`
	Server    string `json:"server"`
	CA        string `json:"ca,omitempty"` // SHA-256 of the first CA certificate's DER
	CASubject string `json:"caSubject,omitempty"`
	Insecure  bool   `json:"insecure,omitempty"`
	Proxy     string `json:"proxy,omitempty"`

	CAFile             string `json:"caFile,omitempty"`     // when it is not embedded
	ServerName         string `json:"serverName,omitempty"` // tls-server-name
	DisableCompression bool   `json:"disableCompression,omitempty"`
}

// A KubeconfigContext is an entry of contexts.
type KubeconfigContext struct {
	Name      string `json:"name"`
	Cluster   string `json:"cluster"`
	User      string `json:"user"`
	Namespace string `json:"namespace,omitempty"`
	Line      int    `json:"line,omitempty"`
}

// A KubeconfigUser is an entry of users.
type KubeconfigUser struct {
	Name         string       `json:"name"`
	Line         int          `json:"line"`
	Cert         *Certificate `json:"cert,omitempty"`
	Token        string       `json:"token,omitempty"` // fingerprint
	AuthProvider string       `json:"authProvider,omitempty"`
	Impersonate  string       `json:"impersonate,omitempty"`
	Exec         *ExecPlugin  `json:"exec,omitempty"`

	TokenFile         string   `json:"tokenFile,omitempty"`
	TokenSHA256       string   `json:"tokenSha256,omitempty"` // of what TokenFile holds
	CertFile          string   `json:"certFile,omitempty"`    // when it is not embedded
	KeyFile           string   `json:"keyFile,omitempty"`
	Pair              Answer   `json:"pair,omitempty"`  // the key belongs to the certificate
	Basic             string   `json:"basic,omitempty"` // user name of a password
	ImpersonateUID    string   `json:"impersonateUid,omitempty"`
	ImpersonateGroups []string `json:"impersonateGroups,omitempty"`
	ImpersonateExtra  []string `json:"impersonateExtra,omitempty"` // keys
	ProviderConfig    []string `json:"providerConfig,omitempty"`   // keys of the auth provider's settings
}

// An ExecPlugin is a program that a kubeconfig runs to get credentials,
// described without running it.
type ExecPlugin struct {
	Command    string     `json:"command"` // as written
	Line       int        `json:"line"`
	Args       []string   `json:"args,omitempty"`
	Env        []string   `json:"env,omitempty"` // NAME=value, secrets replaced
	APIVersion string     `json:"apiVersion,omitempty"`
	Binary     *Binary    `json:"binary,omitempty"`     // what Command resolves to
	Body       *Text      `json:"body,omitempty"`       // when it is a script; secrets replaced
	Identities []Identity `json:"identities,omitempty"` // credentials that the program or the files it names hold

	InteractiveMode    string `json:"interactiveMode,omitempty"`
	ProvideClusterInfo bool   `json:"provideClusterInfo,omitempty"`
	InstallHint        string `json:"installHint,omitempty"`
}

// An Identity is who a credential would be to the API server.
type Identity struct {
	User   string   `json:"user"`
	Groups []string `json:"groups,omitempty"`
	Kind   string   `json:"kind"`   // service-account token, certificate, static token
	Source string   `json:"source"` // file it was found in
	Line   int      `json:"line,omitempty"`
	SHA256 string   `json:"sha256,omitempty"` // fingerprint of the credential
}

// A Kuberc is a kubectl preferences file.
type Kuberc struct {
	Text
	Policy    string   `json:"policy,omitempty"` // credentialPluginPolicy
	Allowlist []string `json:"allowlist,omitempty"`
	Aliases   []string `json:"aliases,omitempty"`
	Error     string   `json:"error,omitempty"`

	APIVersion string          `json:"apiVersion,omitempty"`
	PolicyLine int             `json:"policyLine,omitempty"`
	AliasList  []KubercAlias   `json:"aliasList,omitempty"` // Aliases with what they stand for
	Defaults   []KubercDefault `json:"defaults,omitempty"`
}

// Static is the static pods' manifests.
type Static struct {
	Dir       string     `json:"dir"`
	Manifests []Manifest `json:"manifests"`
	Place     *Place     `json:"place,omitempty"`
	Passed    []Passed   `json:"passed,omitempty"` // what lies there and is not loaded
	URL       string     `json:"url,omitempty"`    // more manifests come from here

	Beside []Manifest  `json:"beside,omitempty"` // of pods, lying where the kubelet does not look
	Named  []NamedFile `json:"named,omitempty"`  // paths that flags of components name
	// Admission are the files of webhooks and policies that the API server
	// takes beside those of its API.
	Admission []Text `json:"admission,omitempty"`
	// Elsewhere are manifests of pods that lie where the kubelet does not
	// look: in kubeadm's folder, or one that a weaker setting names.
	Elsewhere []Manifest `json:"elsewhere,omitempty"`
}

// A Manifest is one file of the static pod directory.
type Manifest struct {
	Text
	Error      string              `json:"error,omitempty"`
	ErrorLine  int                 `json:"errorLine,omitempty"`
	Namespace  string              `json:"namespace,omitempty"`
	Name       string              `json:"name,omitempty"`
	HostNet    bool                `json:"hostNet,omitempty"`
	HostPaths  []string            `json:"hostPaths,omitempty"`
	Containers []ManifestContainer `json:"containers,omitempty"`

	Kind          string           `json:"kind,omitempty"`
	APIVersion    string           `json:"apiVersion,omitempty"`
	PriorityClass string           `json:"priorityClass,omitempty"`
	Documents     int              `json:"documents,omitempty"` // the kubelet reads the first alone
	Problems      []FieldProblem   `json:"problems,omitempty"`
	Volumes       []ManifestVolume `json:"volumes,omitempty"`
	Fields        []Field          `json:"fields,omitempty"` // every value
}

// A ManifestContainer is a container of a static pod.
type ManifestContainer struct {
	Name    string `json:"name"`
	Image   string `json:"image"`
	Command string `json:"command"` // base name of the program
	Flags   []Flag `json:"flags,omitempty"`

	Init      bool            `json:"init,omitempty"`
	Line      int             `json:"line,omitempty"`
	Program   string          `json:"program,omitempty"`   // the first word, as written
	FlagTable *FlagTable      `json:"flagTable,omitempty"` // of a program whose flags are known
	Probes    []ManifestProbe `json:"probes,omitempty"`
}

// A Flag is one argument of the form --name=value or -name value.
type Flag struct {
	Name  string `json:"name"` // without dashes
	Value string `json:"value"`
	Line  int    `json:"line"` // in the manifest

	// Of a program whose flags are known:
	Type    string `json:"type,omitempty"`    // as pflag names it, "" of an unknown flag
	Problem string `json:"problem,omitempty"` // why the program does not take it
	Nearest string `json:"nearest,omitempty"` // of an unknown flag, the one that may be meant
	// Again says that the flag is given more than once: lists add up, of other
	// flags the last one counts, which is not Again.
	Again bool `json:"again,omitempty"`
}

// Component returns the first manifest container that runs the program
// command, and its manifest.
func (s *Static) Component(command string) (Manifest, ManifestContainer, bool) {
	for _, m := range s.Manifests {
		for _, c := range m.Containers {
			if c.Command == command {
				return m, c, true
			}
		}
	}
	return Manifest{}, ManifestContainer{}, false
}

// Flag returns the last flag of that name, which is the one that wins.
func (c ManifestContainer) Flag(name string) (Flag, bool) {
	for i := len(c.Flags) - 1; i >= 0; i-- {
		if c.Flags[i].Name == name {
			return c.Flags[i], true
		}
	}
	return Flag{}, false
}
