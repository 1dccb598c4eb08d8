// Package kubeapi talks to the API server with the credentials that lie in a
// node's kubeconfigs.
//
// It never runs a program for them, whatever a kubeconfig asks for, and never
// goes through a proxy.
package kubeapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"path"

	"go.yaml.in/yaml/v3"
)

// Files are the node's files.
type Files interface {
	ReadFile(path string) ([]byte, error)
}

// Kubeconfigs are those of kubeadm, k3s and RKE2 that can be used on a node,
// the most capable first.
var Kubeconfigs = []string{
	"/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf",
	"/etc/rancher/k3s/k3s.yaml", "/etc/rancher/rke2/rke2.yaml",
	"/etc/kubernetes/kubelet.conf",
	"/var/lib/rancher/k3s/agent/kubelet.kubeconfig", "/var/lib/rancher/rke2/agent/kubelet.kubeconfig",
}

// clusterCA is kubeadm's CA certificate.
const clusterCA = "/etc/kubernetes/pki/ca.crt"

// A Config is the way to an API server: a URL and credentials.
type Config struct {
	Source   string // the kubeconfig
	Server   string // URL
	CA       []byte // PEM; nil trusts anybody
	Cert     []byte // PEM
	Key      []byte // PEM
	Token    string
	ServerCN string // name that the server's certificate must have, when it is not that of Server
}

// kubeconfig is what is read of the file.
type kubeconfig struct {
	Current  string `yaml:"current-context"`
	Contexts []struct {
		Name    string
		Context struct{ Cluster, User string }
	}
	Clusters []struct {
		Name    string
		Cluster struct {
			Server   string
			CAFile   string `yaml:"certificate-authority"`
			CAData   string `yaml:"certificate-authority-data"`
			Insecure bool   `yaml:"insecure-skip-tls-verify"`
			ServerCN string `yaml:"tls-server-name"`
		}
	}
	Users []struct {
		Name string
		User user
	}
}

type user struct {
	CertFile  string `yaml:"client-certificate"`
	CertData  string `yaml:"client-certificate-data"`
	KeyFile   string `yaml:"client-key"`
	KeyData   string `yaml:"client-key-data"`
	Token     string
	TokenFile string    `yaml:"tokenFile"`
	Exec      yaml.Node `yaml:"exec"`
}

// Load reads the kubeconfig at file: its current context.
func Load(files Files, file string) (Config, error) {
	data, err := files.ReadFile(file)
	if err != nil {
		return Config{}, err
	}
	c, err := parse(data, &finder{files, path.Dir(file)})
	if err != nil {
		return Config{}, fmt.Errorf("cannot use %s: %w", file, err)
	}
	c.Source = file
	return c, nil
}

// A finder reads what a kubeconfig refers to.
type finder struct {
	files Files
	dir   string
}

// either returns the base64 data, else the content of the file, whose path is
// relative to the kubeconfig.
func (f *finder) either(data, file string) ([]byte, error) {
	if data != "" {
		return base64.StdEncoding.DecodeString(data)
	}
	if file == "" {
		return nil, nil
	}
	if !path.IsAbs(file) {
		file = path.Join(f.dir, file)
	}
	return f.files.ReadFile(file)
}

func parse(data []byte, f *finder) (Config, error) {
	var k kubeconfig
	if err := yaml.Unmarshal(data, &k); err != nil {
		return Config{}, fmt.Errorf("it is not a kubeconfig: %w", err)
	}
	cluster, name, err := k.current()
	if err != nil {
		return Config{}, err
	}
	var c Config
	found := false
	for _, x := range k.Clusters {
		if x.Name == cluster {
			found = true
			c.Server, c.ServerCN = x.Cluster.Server, x.Cluster.ServerCN
			if c.CA, err = f.either(x.Cluster.CAData, x.Cluster.CAFile); err != nil {
				return Config{}, fmt.Errorf("its CA: %w", err)
			}
			if len(c.CA) == 0 {
				c.CA, _ = f.files.ReadFile(clusterCA)
			}
			if len(c.CA) == 0 && !x.Cluster.Insecure {
				return Config{}, errors.New("it names no CA")
			}
		}
	}
	if !found || c.Server == "" {
		return Config{}, fmt.Errorf("it has no cluster %q", cluster)
	}
	for _, x := range k.Users {
		if x.Name == name {
			return c, c.credentials(x.User, f)
		}
	}
	return Config{}, fmt.Errorf("it has no user %q", name)
}

// current are the cluster and the user of the current context.
func (k kubeconfig) current() (cluster, user string, err error) {
	for _, x := range k.Contexts {
		if x.Name == k.Current {
			return x.Context.Cluster, x.Context.User, nil
		}
	}
	return "", "", fmt.Errorf("it has no context %q", k.Current)
}

// credentials takes over what u holds.
func (c *Config) credentials(u user, f *finder) error {
	var err error
	if c.Cert, err = f.either(u.CertData, u.CertFile); err != nil {
		return fmt.Errorf("its client certificate: %w", err)
	}
	if c.Key, err = f.either(u.KeyData, u.KeyFile); err != nil {
		return fmt.Errorf("its client key: %w", err)
	}
	c.Token = u.Token
	if c.Token == "" && u.TokenFile != "" {
		token, err := f.either("", u.TokenFile)
		if err != nil {
			return fmt.Errorf("its token: %w", err)
		}
		c.Token = string(bytes.TrimSpace(token))
	}
	switch {
	case len(c.Cert) > 0 && len(c.Key) > 0 || c.Token != "":
		return nil
	case !u.Exec.IsZero():
		return errors.New("its credentials come from a program, which is not run")
	}
	return errors.New("it holds no credentials")
}
