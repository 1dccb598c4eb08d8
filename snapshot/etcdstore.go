package snapshot

// EtcdStore is what the files of the member hold beside the objects, whether
// or not it runs: member/snap/db of DataDir and what lies around it.
type EtcdStore struct {
	Revision        int64  `json:"revision" diff:"-"`        // of the data file alone
	ConsistentIndex uint64 `json:"consistentIndex" diff:"-"` // of the last entry of the log that is in the data file
	Term            uint64 `json:"term,omitempty"`
	StorageVersion  string `json:"storageVersion,omitempty"`
	ClusterVersion  string `json:"clusterVersion,omitempty"`
	Downgrade       string `json:"downgrade,omitempty"` // version that the cluster is being taken back to
	// Restored says that the file holds more revisions than its log had
	// entries: it comes of a snapshot.
	Restored    bool     `json:"restored,omitempty"`
	AuthEnabled bool     `json:"authEnabled,omitempty"`
	Users       []string `json:"users,omitempty"`
	Roles       []string `json:"roles,omitempty"`
	Removed     []string `json:"removed,omitempty"` // IDs of members that were removed
	Leases      int      `json:"leases" diff:"-"`
	Keys        int      `json:"keys"` // that are not deleted

	PageSize int64 `json:"pageSize"`
	Free     int64 `json:"free" diff:"-"`   // bytes of pages that hold nothing
	Moved    int   `json:"moved,omitempty"` // transactions that were finished while it was read
	// Damage are pages and pairs that make no sense. The rest was read.
	Damage []string `json:"damage,omitempty"`

	Foreign     []string       `json:"foreign,omitempty"` // keys outside /registry/, but the API server's own
	ForeignKeys int            `json:"foreignKeys,omitempty"`
	Encrypted   map[string]int `json:"encrypted,omitempty"`    // keys by "RESOURCE PROVIDER:VERSION:KEYNAME"
	PlainSecret int            `json:"plainSecrets,omitempty"` // Secrets that are not encrypted
	Huge        []EtcdWriter   `json:"huge,omitempty"`         // values above 512 KiB

	DirMode  uint32   `json:"dirMode,omitempty"` // of DataDir; etcd wants 0700
	DirUID   uint32   `json:"dirUID"`
	DirGID   uint32   `json:"dirGID"`
	FileMode uint32   `json:"fileMode,omitempty"` // of the data file
	Strange  []string `json:"strange,omitempty"`  // files that etcd does not put there
	Others   []string `json:"others,omitempty"`   // other data folders beside DataDir
}

// EtcdWAL is the log of the member, member/wal of DataDir. Its records are
// read when the member does not run.
type EtcdWAL struct {
	Dir      string   `json:"dir"`
	Segments int      `json:"segments"`
	Missing  []string `json:"missing,omitempty"` // numbers of segments that are not there
	Broken   []string `json:"broken,omitempty"`  // segments that etcd set aside
	Strange  []string `json:"strange,omitempty"`

	Read      bool     `json:"read"` // what follows was read
	Member    string   `json:"member,omitempty"`
	Cluster   string   `json:"cluster,omitempty"`
	Term      uint64   `json:"term,omitempty"`
	Vote      string   `json:"vote,omitempty"`
	Commit    uint64   `json:"commit,omitempty"`
	Snapshot  uint64   `json:"snapshot,omitempty"` // index of the last one
	Last      uint64   `json:"last,omitempty"`     // index of the last entry
	Torn      bool     `json:"torn,omitempty"`     // it ends in the middle of a record
	Problems  []string `json:"problems,omitempty"` // file, byte and reason
	Applied   int      `json:"applied,omitempty"`  // entries that the data file lacked
	Behind    int      `json:"behind,omitempty"`   // entries that this member does not know to be agreed on
	Refused   int      `json:"refused,omitempty"`  // writes that an alarm refused
	Unread    int      `json:"unread,omitempty"`   // entries of an unknown form
	LastWrite []string `json:"lastWrite,omitempty"`
}

// An EtcdEndpoint is an address at which a member may be reached, and what
// came of asking there.
type EtcdEndpoint struct {
	URL       string   `json:"url"`
	Told      []string `json:"told"` // who names it: members, kube-apiserver, etcd
	Member    string   `json:"member,omitempty"`
	Reachable bool     `json:"reachable"`
	Failure   string   `json:"failure,omitempty"` // one of EtcdRefused and those below
	Error     string   `json:"error,omitempty"`
	Ms        float64  `json:"ms" diff:"-"` // of the answer
	ID        string   `json:"id,omitempty"`
	Cluster   string   `json:"cluster,omitempty"`
	Leader    string   `json:"leader,omitempty"`
	Term      uint64   `json:"term,omitempty"`
	Revision  int64    `json:"revision,omitempty" diff:"-"`
	Index     uint64   `json:"index,omitempty" diff:"-"`   // of the last entry it has
	Applied   uint64   `json:"applied,omitempty" diff:"-"` // of the last entry it applied
	DBSize    int64    `json:"dbSize,omitempty" diff:"-"`
	InUse     int64    `json:"inUse,omitempty" diff:"-"`
	Version   string   `json:"version,omitempty"`
	Learner   bool     `json:"learner,omitempty"`
	Errors    []string `json:"errors,omitempty"`
}

// The kinds of failure of asking a member.
const (
	EtcdRefused     = "refused"     // nothing listens
	EtcdSilent      = "silent"      // no answer in time
	EtcdUnreachable = "unreachable" // no route, or no such host
	EtcdNotTLS      = "notTLS"      // it does not speak TLS
	EtcdWantsTLS    = "wantsTLS"    // it was asked without TLS and hung up
	EtcdServerCert  = "serverCert"  // its certificate is not accepted
	EtcdClientCert  = "clientCert"  // it does not accept ours
	EtcdNoCert      = "noCert"      // there is no certificate to show
	EtcdAuth        = "auth"        // it asks for a user and password
	EtcdNoLeader    = "noLeader"
	EtcdOther       = "other"
)
