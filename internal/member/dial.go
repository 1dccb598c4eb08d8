package member

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// Files are the node's files.
type Files interface {
	ReadFile(path string) ([]byte, error)
}

// maxAnswer is the size in bytes of the largest answer that is taken.
const maxAnswer = 64 << 20

// A Client is a connection to one member.
type Client struct {
	KV          pb.KVClient
	Maintenance pb.MaintenanceClient
	Cluster     pb.ClusterClient
	conn        *grpc.ClientConn
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

// Dial makes a client of the member at endpoint, a URL. It does not connect:
// the first call does. No proxy is used.
func (c Config) Dial(files Files, endpoint string) (*Client, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("cannot read the address %q: %w", endpoint, err)
	}
	creds := insecure.NewCredentials()
	if u.Scheme == "https" {
		t, err := c.TLS(files)
		if err != nil {
			return nil, err
		}
		creds = credentials.NewTLS(t)
	}
	conn, err := grpc.NewClient("passthrough:///"+u.Host, grpc.WithTransportCredentials(creds), grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("cannot dial %s: %w", endpoint, err)
	}
	return &Client{pb.NewKVClient(conn), pb.NewMaintenanceClient(conn), pb.NewClusterClient(conn), conn}, nil
}

// TLS is what a client of the member shows and checks.
func (c Config) TLS(files Files) (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		ca, err := files.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("cannot read etcd's CA: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(ca) {
			return nil, fmt.Errorf("cannot read etcd's CA %s: it holds no certificate", c.CA)
		}
	}
	pair, _, err := c.pair(files, time.Now())
	if err != nil {
		return nil, err
	}
	t.Certificates = []tls.Certificate{pair}
	return t, nil
}

// Shown is the file of the certificate that a client of the member shows; ""
// when it shows none.
func (c Config) Shown(files Files) string {
	_, name, err := c.pair(files, time.Now())
	if err != nil {
		return ""
	}
	return name
}

// pair loads the first client certificate that is in its time, else the first
// that can be read, and says which file it is.
func (c Config) pair(files Files, now time.Time) (tls.Certificate, string, error) {
	if len(c.Pairs) == 0 {
		return tls.Certificate{}, "", errors.New("cannot load a client certificate for etcd: its flags name none")
	}
	var stale *tls.Certificate
	staleName := ""
	var errs []error
	for _, p := range c.Pairs {
		cert, err1 := files.ReadFile(p.Cert)
		key, err2 := files.ReadFile(p.Key)
		if err := errors.Join(err1, err2); err != nil {
			errs = append(errs, err)
			continue
		}
		x, err := tls.X509KeyPair(cert, key)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Cert, err))
			continue
		}
		if now.Before(x.Leaf.NotAfter) && now.After(x.Leaf.NotBefore) {
			return x, p.Cert, nil
		}
		if stale == nil {
			stale, staleName = &x, p.Cert
		}
	}
	if stale != nil {
		return *stale, staleName, nil
	}
	return tls.Certificate{}, "", fmt.Errorf("cannot load a client certificate for etcd: %w", errors.Join(errs...))
}

// HTTP is a client for the member's /metrics at endpoint. No proxy is used,
// and nobody is followed elsewhere with the member's certificate.
func (c Config) HTTP(files Files, endpoint string) (*http.Client, error) {
	tr := &http.Transport{MaxIdleConns: 1}
	if u, err := url.Parse(endpoint); err == nil && u.Scheme == "https" {
		t, err := c.TLS(files)
		if err != nil {
			return nil, err
		}
		tr.TLSClientConfig = t
	}
	here := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &http.Client{Transport: tr, CheckRedirect: here}, nil
}
