package cluster

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/kubeapi"
)

// tokens are the service account tokens of the pods of this node.
const tokens = "/var/lib/kubelet/pods/*/volumes/kubernetes.io~projected/*/token"

// proxyAccount is the service account of kube-proxy, which may see every
// Service, EndpointSlice and Node. On a node without an admin's kubeconfig a
// kubelet's credentials show less than that.
const proxyAccount = "system:serviceaccount:kube-system:kube-proxy"

// asProxy is a client like c with the credentials of this node's kube-proxy,
// or nil.
func asProxy(e *source.Env, c kubeapi.Config) *kubeapi.Client {
	for _, name := range e.Glob(tokens) {
		token, err := e.ReadFile(name)
		if err != nil || subject(string(token)) != proxyAccount {
			continue
		}
		c.Cert, c.Key, c.Token, c.Source = nil, nil, strings.TrimSpace(string(token)), name
		if out, err := kubeapi.New(c); err == nil {
			return out
		}
	}
	return nil
}

// subject is the "sub" claim of a JSON web token, whose signature is not checked.
func subject(token string) string {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return ""
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(data, &claims) != nil {
		return ""
	}
	return claims.Subject
}
