// Package kubeapi speaks to a lab's API server with an identity of its own, made from the
// cluster's CA: it works whatever has become of the cluster's kubeconfigs and roles.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Client speaks to one API server.
type Client struct {
	// Server is the URL, such as https://10.213.0.11:6443.
	Server string
	// HTTP carries the identity.
	HTTP *http.Client
}

// StatusError is an answer other than success.
type StatusError struct {
	Method, Path string
	Code         int
	Body         string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("cannot %s %s: HTTP %d: %s", e.Method, e.Path, e.Code, strings.TrimSpace(e.Body))
}

// New makes a client of the server for an identity; every request has the timeout.
func New(server string, id Identity, timeout time.Duration) (*Client, error) {
	pair, err := tls.X509KeyPair(id.Certificate, id.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the lab's identity: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(id.CA)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	return &Client{Server: server, HTTP: &http.Client{Transport: transport, Timeout: timeout}}, nil
}

// Do sends a request with a JSON body, or none where body is nil, and gives the answer's
// body. An answer other than 2xx is a *StatusError.
func (c *Client) Do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode/100 != 2 {
		err = &StatusError{method, path, resp.StatusCode, string(data[:min(len(data), 512)])}
	}
	return data, err
}

// Get reads a path such as /readyz.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.Do(ctx, http.MethodGet, path, "", nil)
}

// Read gets an object and decodes it into v.
func (c *Client) Read(ctx context.Context, path string, v any) error {
	data, err := c.Get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("cannot read the answer to %s: %w", path, err)
	}
	return nil
}

// Close drops idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }
