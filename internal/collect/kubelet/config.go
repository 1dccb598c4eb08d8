package kubelet

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// A config is what is read of a KubeletConfiguration.
type config struct {
	Kind                     string   `yaml:"kind"`
	StaticPodPath            string   `yaml:"staticPodPath"`
	ClusterDNS               []string `yaml:"clusterDNS"`
	CgroupDriver             string   `yaml:"cgroupDriver"`
	ContainerRuntimeEndpoint string   `yaml:"containerRuntimeEndpoint"`
}

// readConfig reads the configuration file that the flags name, or kubeadm's,
// and keeps it, and why it or one of its drop-ins does not parse.
func readConfig(e *source.Env, k *snapshot.Kubelet, f Flags) {
	var c config
	name := cmp.Or(f["config"], kubeadmConfig)
	t, err := e.Text(name, source.MaxParsed)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f["config"] == "":
		return
	case err != nil:
		k.ConfigErr = err.Error()
		e.Gap(snapshot.SectionKubelet, name, err)
		return
	}
	if t.Truncated {
		e.Gap(snapshot.SectionKubelet, name, source.ErrLarge)
	} else if c, err = parseConfig([]byte(t.Content)); err != nil {
		k.ConfigErr = err.Error()
	}
	t.Content = secret.YAML(t.Content)
	t = source.Clip(t, 0)
	k.Config = &t
	for _, p := range dropIns(e, f["config-dir"]) {
		data, err := e.ReadFile(p)
		if err == nil {
			err = yaml.Unmarshal(data, &c)
		}
		if err != nil && k.ConfigErr == "" {
			k.ConfigErr = fmt.Sprintf("%s: %v", p, err)
		}
	}
}

// parseConfig reads a KubeletConfiguration. What could be read is returned
// beside the error.
func parseConfig(data []byte) (config, error) {
	var c config
	if err := yaml.Unmarshal(data, &c); err != nil {
		return c, err
	}
	if c.Kind != "KubeletConfiguration" {
		return c, fmt.Errorf("kind is %q, not %q", c.Kind, "KubeletConfiguration")
	}
	return c, nil
}

// healthz asks the kubelet how it is, where flags, files and defaults together
// have it answer.
func healthz(ctx context.Context, set map[string]snapshot.Effective) (body, problem string) {
	port := cmp.Or(set["healthzPort"].Value, "10248")
	if port == "0" {
		return "", "switched off by healthzPort: 0"
	}
	address := net.JoinHostPort(cmp.Or(set["healthzBindAddress"].Value, "127.0.0.1"), port)
	body, err := get(ctx, "http://"+address+"/healthz")
	if err != nil {
		return body, err.Error()
	}
	return body, ""
}

// get reads a small page without a proxy. An answer that is not a success is
// an error, with its body.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	here := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: here}
	res, err := c.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	body := strings.TrimSpace(strings.ToValidUTF8(string(data), "?"))
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("cannot get %s: status %s", url, res.Status)
	}
	return body, err
}

// parseClient returns the path of a kubeconfig's first client certificate, or
// the certificate itself where it is embedded.
func parseClient(data []byte) (file string, inline []byte) {
	var x struct {
		Users []struct {
			User struct {
				File string `yaml:"client-certificate"`
				Data string `yaml:"client-certificate-data"`
			} `yaml:"user"`
		} `yaml:"users"`
	}
	_ = yaml.Unmarshal(data, &x)
	for _, u := range x.Users {
		if inline, err := base64.StdEncoding.DecodeString(u.User.Data); err == nil && len(inline) > 0 {
			return "", inline
		}
		if u.User.File != "" {
			return u.User.File, nil
		}
	}
	return "", nil
}

// nodeName returns the node that a kubelet's client certificate is for.
func nodeName(data []byte) string {
	for len(data) > 0 {
		var b *pem.Block
		if b, data = pem.Decode(bytes.TrimSpace(data)); b == nil {
			return ""
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		if c, err := x509.ParseCertificate(b.Bytes); err == nil {
			name, ok := strings.CutPrefix(c.Subject.CommonName, "system:node:")
			if ok {
				return name
			}
		}
	}
	return ""
}
