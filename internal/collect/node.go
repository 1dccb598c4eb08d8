package collect

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"regexp"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
)

// kubeletConf is the kubeconfig that kubeadm makes for the kubelet.
const kubeletConf = "/etc/kubernetes/kubelet.conf"

// NodeName returns the name under which the cluster knows the node: that of
// the kubelet's client certificate, else its --hostname-override, else the
// host name.
func NodeName(e *source.Env) string {
	if name := certName(e); name != "" {
		return name
	}
	for _, p := range []string{"/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet"} {
		if data, err := e.ReadFile(p); err == nil {
			if name := parseOverride(data); name != "" {
				return name
			}
		}
	}
	if e.Live {
		if name, err := os.Hostname(); err == nil {
			return strings.ToLower(name)
		}
	}
	data, _ := e.ReadFile("/etc/hostname")
	return strings.ToLower(strings.TrimSpace(string(data)))
}

// certName reads the kubelet's kubeconfig, and the certificate that it holds
// or names.
func certName(e *source.Env) string {
	conf, err := e.ReadFile(kubeletConf)
	if err != nil {
		return ""
	}
	cert, path := parseClientCert(conf)
	if path != "" {
		cert, _ = e.ReadFile(path)
	}
	return parseNodeCN(cert)
}

var (
	certData = regexp.MustCompile(`(?m)^\s*client-certificate-data:\s*["']?([A-Za-z0-9+/=]+)`)
	certPath = regexp.MustCompile(`(?m)^\s*client-certificate:\s*["']?(/[^\s"']+)`)
	override = regexp.MustCompile(`--hostname-override[= ]["']?([A-Za-z0-9.-]+)`)
)

// parseClientCert returns the certificate of a kubeconfig or the path of it.
func parseClientCert(conf []byte) (cert []byte, path string) {
	if m := certPath.FindSubmatch(conf); m != nil {
		return nil, string(m[1])
	}
	if m := certData.FindSubmatch(conf); m != nil {
		cert, _ = base64.StdEncoding.DecodeString(string(m[1]))
	}
	return cert, ""
}

// parseNodeCN returns the node name of a certificate for system:node:NAME.
func parseNodeCN(data []byte) string {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return ""
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return ""
		}
		name, _ := strings.CutPrefix(c.Subject.CommonName, "system:node:")
		if name == c.Subject.CommonName {
			return ""
		}
		return name
	}
}

func parseOverride(data []byte) string {
	if m := override.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}
