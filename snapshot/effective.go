package snapshot

// An Origin is a value with the place that sets it.
type Origin struct {
	Value  string `json:"value"`            // text, or the JSON of a list
	Source string `json:"source"`           // file; "argv" of the running process; "default"
	Line   int    `json:"line,omitempty"`   // in the file
	Flag   string `json:"flag,omitempty"`   // the flag that sets it, without dashes
	Object string `json:"object,omitempty"` // the object that the value stands in, where a file holds several
}

// An Effective is the value of a setting as the program has it, with the
// weaker places that set it too, strongest first. A default is told when
// nothing else sets it.
type Effective struct {
	Origin
	Overrides []Origin `json:"overrides,omitempty"`
}

// A Word is one word of a command line, with the place that writes it.
type Word struct {
	Text   string `json:"text"`
	Source string `json:"source"`
	Line   int    `json:"line,omitempty"`
	Var    string `json:"var,omitempty"` // the environment variable that it comes from
}

// A Start is the command line with which systemd would start a unit next.
type Start struct {
	Words    []Word        `json:"words"`
	Files    []string      `json:"files,omitempty"`    // unit, drop-ins and environment files that were read, in order
	Missing  []string      `json:"missing,omitempty"`  // environment files that are not there
	Required []string      `json:"required,omitempty"` // of those, the ones without which it does not start
	Differs  []StartChange `json:"differs,omitempty"`  // what the running process was told otherwise
}

// A StartChange is a setting that the next start would change.
type StartChange struct {
	Key     string `json:"key"` // as in Effective
	Running string `json:"running"`
	Next    Origin `json:"next"` // no Source: it is not set then
}

// A NameSource is a node name and where it was found.
type NameSource struct {
	Source string `json:"source"` // flag hostname-override, certificate, hostname, /etc/hostname, settings
	Name   string `json:"name"`
	Path   string `json:"path,omitempty"`
	Used   bool   `json:"used,omitempty"` // the kubelet registers under it
}

// A StateFile is a file in which the kubelet keeps what it decided.
type StateFile struct {
	Path  string `json:"path"`
	Size  int64  `json:"size"`
	Error string `json:"error,omitempty"` // why it cannot be read as what it is
	// SHA256 is that of the whole file, in hex.
	SHA256 string `json:"sha256,omitempty" diff:"-"`
	// Sum is ok or wrong; "" when the file has none that can be recomputed.
	Sum    string            `json:"sum,omitempty"`
	Values map[string]string `json:"values,omitempty"` // its plain values: policyName, ...
}

// A Reply is what an address said to a request without credentials.
type Reply struct {
	URL    string `json:"url"`
	Status int    `json:"status,omitempty"` // HTTP; 0 when none came
	Body   string `json:"body,omitempty"`   // the first 200 bytes
	Error  string `json:"error,omitempty"`
	CertCN string `json:"certCN,omitempty"` // of the certificate shown
	Cert   string `json:"cert,omitempty"`   // SHA-256 of its DER
}

// Proxy is kube-proxy as it runs on the node.
type Proxy struct {
	PID      int       `json:"pid"`
	Args     []string  `json:"args,omitempty"`
	Override string    `json:"override,omitempty"` // --hostname-override
	Config   string    `json:"config,omitempty"`   // path in its container
	Mode     string    `json:"mode,omitempty"`     // that it says it runs in
	ModeFrom string    `json:"modeFrom,omitempty"`
	Problems []Flag    `json:"problems,omitempty"` // arguments that it does not know or take
	Table    FlagTable `json:"table,omitzero"`

	ConfigErr      string         `json:"configErr,omitempty"`
	ConfigProblems []FieldProblem `json:"configProblems,omitempty"`
	Fields         []Field        `json:"fields,omitempty"` // of the configuration in its container

	Kubeconfig string `json:"kubeconfig,omitempty"` // path in its container
	Server     string `json:"server,omitempty"`     // the API server that it calls, by its kubeconfig
}
