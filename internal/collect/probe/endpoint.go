package probe

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/klustered/klustered/internal/collect/access"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/rtnl"
	"github.com/klustered/klustered/snapshot"
)

const (
	endpointWait = 300 * time.Millisecond
	maxChain     = 8
	maxBody      = 8 << 10
)

// An asker asks endpoints, all at once.
type asker struct {
	netns  string // the host's
	domain string // of the cluster
	trust  authorities
}

// askAll asks every endpoint from the host's network.
func askAll(ctx context.Context, e *source.Env, s *snapshot.Snapshot) []snapshot.Contact {
	list := endpoints(s)
	if len(list) == 0 {
		return nil
	}
	a := &asker{netns: e.Abs(s.Network.Host().Path), domain: (&planner{s: s}).domain(), trust: readAuthorities(e)}
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() {
			err := source.Caught(func() error {
				return rtnl.In(a.netns, func() error { a.ask(ctx, &list[i]); return nil })
			})
			if err != nil {
				list[i].Error = err.Error()
			}
		})
	}
	wg.Wait()
	return list
}

// ask asks one endpoint from the network that the calling thread is in, and
// once more who did not answer: one silence can be chance.
func (a *asker) ask(ctx context.Context, x *snapshot.Contact) {
	first := *x
	if a.once(ctx, x); x.Error == silence && ctx.Err() == nil {
		*x = first
		a.once(ctx, x)
	}
}

func (a *asker) once(ctx context.Context, x *snapshot.Contact) {
	ctx, cancel := context.WithTimeout(ctx, endpointWait)
	defer cancel()
	if x.Component == "dns" {
		askName(ctx, x, "kubernetes.default.svc."+a.domain+".")
		return
	}
	begun := time.Now()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", x.Address)
	if err != nil {
		x.Error = reason(err)
		return
	}
	defer c.Close()
	x.Ms = since(begun)
	end, _ := ctx.Deadline()
	c.SetDeadline(end)
	t := tls.Client(c, a.config(x))
	if err := t.HandshakeContext(ctx); err != nil {
		if x.Error = reason(err); x.TLS != nil && x.TLS.Asks {
			x.Error = "" // it wants a certificate of us, which it does not get
		}
		return
	}
	x.TLS.Version = tls.VersionName(t.ConnectionState().Version)
	if !strings.HasPrefix(x.Component, "etcd") {
		askHTTP(t, x)
	}
}

// config takes what is shown and trusts nobody: what the chain is worth is
// found out apart.
func (a *asker) config(x *snapshot.Contact) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			asks := x.TLS != nil && x.TLS.Asks
			x.TLS = a.seen(raw, x)
			x.TLS.Asks = asks
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if x.TLS == nil {
				x.TLS = &snapshot.SeenTLS{}
			}
			x.TLS.Asks = true
			return &tls.Certificate{}, nil
		},
	}
}

// seen describes a chain and finds who of the node's authorities signed it.
func (a *asker) seen(raw [][]byte, x *snapshot.Contact) *snapshot.SeenTLS {
	s := &snapshot.SeenTLS{}
	var chain []*x509.Certificate
	for _, der := range raw[:min(len(raw), maxChain)] {
		s.Chain = append(s.Chain, access.Describe(der))
		if c, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, c)
		}
	}
	if len(chain) == 0 {
		s.Invalid = "no certificate that can be read"
		return s
	}
	s.File = a.trust.files[sumOf(chain[0].Raw)]
	host, _, _ := net.SplitHostPort(x.Address)
	if x.Named != "" {
		host = x.Named
	}
	s.Covers = chain[0].VerifyHostname(host) == nil
	s.SignedBy, s.Invalid = a.trust.verify(chain)
	return s
}

// authorities are the certificates of the node: those that may sign, and all
// by their sum.
type authorities struct {
	signers []signer
	files   map[string]string
}

type signer struct {
	path string
	cert *x509.Certificate
}

// trustFolders are where a node keeps certificates.
var trustFolders = []string{"/etc/kubernetes/pki/*.crt", "/etc/kubernetes/pki/etcd/*.crt", "/etc/kubernetes/pki/*.pem", "/etc/etcd/*.crt", "/etc/etcd/pki/*.crt", "/var/lib/kubelet/pki/*.crt", "/var/lib/kubelet/pki/*-current.pem", "/etc/kubernetes/ssl/*.pem"}

const maxTrusted = 200

// readAuthorities reads the node's certificates.
func readAuthorities(e *source.Env) authorities {
	a := authorities{files: map[string]string{}}
	for _, pattern := range trustFolders {
		for _, name := range e.Glob(pattern) {
			data, err := e.ReadFile(name)
			for err == nil && len(a.files) < maxTrusted {
				var b *pem.Block
				if b, data = pem.Decode(data); b == nil {
					break
				}
				c, err := x509.ParseCertificate(b.Bytes)
				if err != nil || b.Type != "CERTIFICATE" {
					continue
				}
				if sum := sumOf(c.Raw); a.files[sum] == "" {
					a.files[sum] = name
				}
				if c.IsCA {
					a.signers = append(a.signers, signer{name, c})
				}
			}
		}
	}
	return a
}

func sumOf(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// verify finds the files of the authorities that the chain leads to, and why
// it does not hold by any.
func (a authorities) verify(chain []*x509.Certificate) (by []string, invalid string) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	invalid = "no authority of the node signed it"
	for _, s := range a.signers {
		roots := x509.NewCertPool()
		roots.AddCert(s.cert)
		_, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		var expired x509.CertificateInvalidError
		switch {
		case err == nil:
			by, invalid = append(by, s.path), ""
		case errors.As(err, &expired) && len(by) == 0:
			by, invalid = append(by, s.path), err.Error()
		}
	}
	return by, invalid
}

// askHTTP asks for the version of an API server, or whether another component
// is well, and keeps what the answer's headers tell.
func askHTTP(c net.Conn, x *snapshot.Contact) {
	page := "/healthz"
	if x.Component == "apiserver" {
		page = "/version"
	}
	begun := time.Now()
	if _, err := io.WriteString(c, "GET "+page+" HTTP/1.1\r\nHost: "+x.Address+"\r\nUser-Agent: klustered\r\nAccept: application/json\r\nConnection: close\r\n\r\n"); err != nil {
		x.Error = reason(err)
		return
	}
	r, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, maxBody)), nil)
	if err != nil {
		x.Error = reason(err)
		return
	}
	defer r.Body.Close()
	x.Status, x.Server, x.AuditID = r.StatusCode, r.Header.Get("Server"), r.Header.Get("Audit-Id") != ""
	if at, err := http.ParseTime(r.Header.Get("Date")); err == nil {
		x.Date, x.Offset = at.UTC(), offset(at, begun, time.Now())
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxBody))
	x.Version = parseVersion(body)
}

// offset is how many seconds a server's clock is ahead, told from a time in
// whole seconds that it wrote between two moments. Within what that can tell
// it is 0.
func offset(date, sent, got time.Time) float64 {
	switch {
	case date.After(got):
		return date.Sub(got).Round(time.Millisecond).Seconds()
	case date.Add(time.Second).Before(sent):
		return date.Add(time.Second).Sub(sent).Round(time.Millisecond).Seconds()
	}
	return 0
}

// parseVersion is gitVersion of an answer of /version, or "".
func parseVersion(body []byte) string {
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if json.Unmarshal(body, &v) != nil || len(v.GitVersion) > 64 {
		return ""
	}
	return v.GitVersion
}

// silence is what is said of who does not answer in time.
var silence = "no answer within " + endpointWait.String()

// reason is an error in a few words.
func reason(err error) string {
	var e *net.OpError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return silence
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed"
	case errors.As(err, &e):
		return e.Err.Error()
	}
	return err.Error()
}
