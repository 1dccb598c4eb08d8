package snapshot

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A PEMFile is a file that holds certificates or keys, or ought to.
type PEMFile struct {
	Path         string    `json:"path"`
	Link         string    `json:"link,omitempty"`  // target, when Path is a symbolic link
	Error        string    `json:"error,omitempty"` // why it cannot be read
	Mode         uint32    `json:"mode,omitempty"`
	UID          uint32    `json:"uid,omitempty"`
	GID          uint32    `json:"gid,omitempty"`
	Size         int64     `json:"size,omitempty"`
	Modified     time.Time `json:"modified,omitzero"`
	SHA256       string    `json:"sha256,omitempty"`       // hex, of the whole file
	Certificates int       `json:"certificates,omitempty"` // blocks of the kind that can be read
	Keys         int       `json:"keys,omitempty"`
	Damage       string    `json:"damage,omitempty"`  // what is wrong with the first bad block
	Line         int       `json:"line,omitempty"`    // of the damage
	Offset       int       `json:"offset,omitempty"`  // of the damaged byte, from 0
	BOM          bool      `json:"bom,omitempty"`     // begins with a byte order mark
	CRLF         bool      `json:"crlf,omitempty"`    // has line ends of Windows
	Foreign      int       `json:"foreign,omitempty"` // other PEM blocks, such as requests
	// Order says which certificate stands where another is expected: a server
	// sends the leaf first, and then each one's issuer.
	Order  string   `json:"order,omitempty"`
	UsedBy []string `json:"usedBy,omitempty"` // FILE:LINE that name it, besides the folders of PKI
}

// An Answer is what a check of the evidence said: [Yes], [No], or nothing when
// it was not asked or could not be answered.
type Answer string

// The answers.
const (
	Yes Answer = "yes"
	No  Answer = "no"
)

// Answered is the answer for a condition.
func Answered(ok bool) Answer {
	if ok {
		return Yes
	}
	return No
}

// What the checks of an [Edge] are about.
const (
	EdgeClient  = "client"  // the server looks at the client's certificate
	EdgeServer  = "server"  // the client looks at the server's certificate
	EdgeSigning = "signing" // what one signs, the other verifies with the public key
	EdgePair    = "pair"    // a certificate and the key beside it
)

// An Edge is one pair of files that must fit for a connection of the control
// plane to come about, checked without connecting. Each answer is a fact of
// its own; none is weighed.
type Edge struct {
	Client string `json:"client"` // component, such as kube-apiserver, or the kubeconfig's path
	Server string `json:"server"`
	Checks string `json:"checks"` // EdgeClient, EdgeServer, EdgeSigning, EdgePair

	// Files. What is embedded in a kubeconfig is FILE#clusters/NAME or
	// FILE#users/NAME.
	Cert     string `json:"cert,omitempty"` // shown by one side
	Key      string `json:"key,omitempty"`  // of Cert; of a signing edge the key that signs
	CA       string `json:"ca,omitempty"`   // trusted by the other; of a signing edge the public keys
	CertFrom string `json:"certFrom,omitempty"`
	CAFrom   string `json:"caFrom,omitempty"`  // FILE:LINE that names CA, as CertFrom names Cert
	Address  string `json:"address,omitempty"` // host that the client calls

	Subject   string    `json:"subject,omitempty"` // of Cert, as is what follows
	Issuer    string    `json:"issuer,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	CASubject string    `json:"caSubject,omitempty"` // of the authority that signed, else that has the issuer's name, else the first of CA
	CASHA256  string    `json:"caSha256,omitempty"`

	Named   Answer `json:"named,omitempty"`   // CA holds an authority with the issuer's name
	Signed  Answer `json:"signed,omitempty"`  // CA holds one whose key signed Cert, itself or through those beside Cert
	Valid   Answer `json:"valid,omitempty"`   // Cert and its authority are valid at the snapshot's time
	Usage   Answer `json:"usage,omitempty"`   // Cert may be used for this side of a connection
	Covers  Answer `json:"covers,omitempty"`  // Cert is for Address
	Pair    Answer `json:"pair,omitempty"`    // Key belongs to Cert; of a signing edge, to a public key of CA
	Allowed Answer `json:"allowed,omitempty"` // the name in Cert is one that the server takes

	Error string `json:"error,omitempty"` // what could not be read
}

// Refused says in a few words what of x keeps the connection from coming
// about, the first reason first; "" when nothing does.
func (x Edge) Refused() string {
	switch {
	case x.Error != "":
		return x.Error
	case x.Pair == No && x.Checks == EdgeSigning:
		return "the key that signs belongs to none of the keys that verify"
	case x.Pair == No:
		return "its key does not belong to it"
	case x.Signed == No:
		return "no authority of " + x.CA + " signed it"
	case x.Valid == No:
		return "it, or its authority, is not in its time"
	case x.Usage == No:
		return "it is not for this side of a connection"
	case x.Covers == No:
		return "it is not for " + x.Address
	case x.Allowed == No:
		return "its name is not one that the server takes"
	}
	return ""
}

// Uncalled reports whether x is the way of pods to an address that the Service
// kubernetes does not have: somebody has changed the range that the address is
// taken from, and pods go on to call the old one. Where Services are not known,
// it may be theirs.
func (x Edge) Uncalled(c *Cluster) bool {
	if _, err := netip.ParseAddr(x.Address); err != nil || x.Client != "pods" || c == nil {
		return false
	}
	i := slices.IndexFunc(c.Services, func(s Service) bool { return s.Namespace == "default" && s.Name == "kubernetes" })
	return i >= 0 && !slices.Contains(c.Services[i].IPs, x.Address)
}

// Lasting reports whether a component goes this way by itself, all the time:
// neither a person's client nor what is only signed now and then.
func (x Edge) Lasting() bool {
	return x.Client != "etcdctl" && x.Server != "aggregated" && !strings.HasPrefix(x.Client, "/") && !strings.HasPrefix(x.Client, "signed by ")
}
