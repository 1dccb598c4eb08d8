package snapshot

import "time"

// A Contact is one connection to a part of the control plane or to a name
// server: made once, without credentials, not through a proxy, and no
// redirect followed.
type Contact struct {
	Component string `json:"component" diff:"key"` // apiserver, etcd, etcd-peer, kubelet, controller-manager, scheduler, dns
	Role      string `json:"role"`                 // loopback, node, service, endpoint, kubeconfig, upstream
	Address   string `json:"address" diff:"key"`   // address:port
	Protocol  string `json:"protocol" diff:"key"`  // tls, udp, tcp
	Source    string `json:"source,omitempty"`     // where the address stands: a file and line, a rule, the configuration of the kubelet
	Named     string `json:"named,omitempty"`      // the name, when the source names none of the node's addresses but a name of /etc/hosts

	Ms    float64 `json:"ms,omitempty" diff:"-"` // until it was connected, of a name server until it answered
	Error string  `json:"error,omitempty"`       // refused, no answer within 300ms, ...

	TLS     *SeenTLS  `json:"tls,omitempty"`
	Status  int       `json:"status,omitempty"`          // HTTP
	Date    time.Time `json:"date,omitzero" diff:"-"`    // of the server, in whole seconds
	Offset  float64   `json:"offset,omitempty" diff:"-"` // seconds that its clock is ahead of the node's, 0 within the second that it can be told to
	Server  string    `json:"server,omitempty"`          // what it calls itself
	Version string    `json:"version,omitempty"`         // gitVersion of /version
	AuditID bool      `json:"auditId,omitempty"`         // the answer has a header Audit-Id, as one of an API server has

	RCode   string   `json:"rcode,omitempty"`   // of a name server: success, NXDOMAIN, SERVFAIL ...
	Answers []string `json:"answers,omitempty"` // addresses it gave, sorted
}

// SeenTLS is what a server showed.
type SeenTLS struct {
	Version string        `json:"version,omitempty"` // TLS 1.3; empty when the handshake did not end
	Chain   []Certificate `json:"chain"`             // as shown, the server's own first
	// SignedBy are files of the node with the authority that signed the last
	// certificate of the chain that leads anywhere.
	SignedBy []string `json:"signedBy,omitempty"`
	Covers   bool     `json:"covers"`            // the certificate names the address
	Invalid  string   `json:"invalid,omitempty"` // why the chain does not hold by any authority of the node
	File     string   `json:"file,omitempty"`    // the file of the node that holds the same certificate
	Asks     bool     `json:"asks,omitempty"`    // for a certificate of the client
}
