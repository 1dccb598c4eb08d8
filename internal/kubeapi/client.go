package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Times after which a server that does not take a connection is given up.
const (
	dialTime      = 800 * time.Millisecond
	handshakeTime = 1200 * time.Millisecond
)

// maxAnswer is the size in bytes of the largest answer that is taken.
const maxAnswer = 32 << 20

// A Client is a client of one API server with one set of credentials.
type Client struct {
	Config
	http *http.Client
}

// New makes a client. It does not connect: the first request does.
func New(c Config) (*Client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerCN}
	if len(c.CA) > 0 {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(c.CA) {
			return nil, fmt.Errorf("cannot use %s: its CA holds no certificate", c.Source)
		}
	} else {
		t.InsecureSkipVerify = true // the kubeconfig says so and the node has no CA
	}
	if len(c.Cert) > 0 {
		pair, err := tls.X509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("cannot use %s: its client certificate: %w", c.Source, err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	tr := &http.Transport{
		TLSClientConfig: t, ForceAttemptHTTP2: true, TLSHandshakeTimeout: handshakeTime,
		DialContext: (&net.Dialer{Timeout: dialTime}).DialContext,
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{c, &http.Client{Transport: tr, CheckRedirect: refuse}}, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Protobuf asks for answers that package object reads; errors may be JSON.
const Protobuf = "application/vnd.kubernetes.protobuf,application/json"

// Do sends body to path, which may have a query, and returns the answer. An
// error means that no whole answer came.
func (c *Client) Do(ctx context.Context, method, path, contentType, accept string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Server, "/")+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "klustered")
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, plain(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(answer) > maxAnswer {
		err = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return resp.StatusCode, answer, err
}

// plain takes the method and the URL off an error of net/http.
func plain(err error) error {
	if u := errors.Unwrap(err); u != nil {
		return u
	}
	return err
}
