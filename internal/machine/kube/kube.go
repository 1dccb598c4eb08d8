// Package kube changes Kubernetes objects with the credentials of the node's
// administrator: it is the live side of [op.Kube].
package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/klustered/klustered/internal/kubeapi"
	"github.com/klustered/klustered/op"
)

// callTime is the deadline of one request, waitTime that of all attempts.
const (
	callTime = 20 * time.Second
	waitTime = 2 * time.Minute
)

// admins are the kubeconfigs that may change objects.
var admins = []string{"/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf"}

// Kube is the API server, by way of the node's kubeconfigs.
type Kube struct{ files kubeapi.Files }

var _ op.Kube = (*Kube)(nil)

// New returns the API server that the kubeconfigs in files lead to.
func New(files kubeapi.Files) *Kube { return &Kube{files} }

// Request sends a request with the first credentials that the API server
// accepts and that may do it. The kubeconfigs are read each time, since a
// repair may just have replaced one. A server that is being restarted, since a
// manifest was put back, is waited for.
func (k *Kube) Request(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	for {
		status, answer, err := k.once(ctx, method, path, contentType, body)
		if ctx.Err() != nil || !restarting(method, status, answer, err) {
			return status, answer, err
		}
		select {
		case <-ctx.Done():
			return status, answer, err
		case <-time.After(time.Second):
		}
	}
}

// restarting reports whether the request failed in a way that a server shows
// while it, or etcd, is being restarted, and may be sent again: all but the
// creation of an object may, whatever became of the first attempt.
func restarting(method string, status int, answer []byte, err error) bool {
	var network net.Error
	var number syscall.Errno
	switch {
	case unsent(err):
		return true
	case err != nil:
		return method != http.MethodPost && (errors.As(err, &network) || errors.As(err, &number) || errors.Is(err, io.EOF))
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests, status == http.StatusGatewayTimeout:
		return true
	}
	return status == http.StatusInternalServerError && away.Match(answer)
}

// unsent reports whether no connection came about, so that nothing was sent.
func unsent(err error) bool {
	var step *net.OpError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.As(err, &step) && step.Op == "dial" && step.Timeout() ||
		err != nil && strings.Contains(err.Error(), "TLS handshake timeout") // net/http has no type for it
}

// away matches what the API server says while etcd does not answer.
var away = regexp.MustCompile(`Unavailable|no leader|leader changed|connection refused|timed out|Handler timeout|DeadlineExceeded`)

func (k *Kube) once(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var errs []error
	refused, words := 0, []byte(nil)
	for _, file := range admins {
		status, answer, err := k.try(ctx, file, method, path, contentType, body)
		switch {
		case err != nil && method == http.MethodPost && !unsent(err):
			return 0, nil, fmt.Errorf("cannot reach the API server as its administrator: %w", err) // it may have been created
		case err != nil:
			errs = append(errs, err)
		case status != http.StatusUnauthorized && status != http.StatusForbidden:
			return status, answer, nil
		default:
			refused, words = status, answer
		}
	}
	if refused != 0 {
		return refused, words, nil
	}
	return 0, nil, fmt.Errorf("cannot reach the API server as its administrator: %w", errors.Join(errs...))
}

func (k *Kube) try(ctx context.Context, file, method, path, contentType string, body []byte) (int, []byte, error) {
	cfg, err := kubeapi.Load(k.files, file)
	if err != nil {
		return 0, nil, err
	}
	c, err := kubeapi.New(cfg)
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	return c.Do(ctx, method, path, contentType, "application/json", body)
}
