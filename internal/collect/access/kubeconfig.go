package access

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// wellKnown are kubeconfigs of the node itself.
var wellKnown = []string{"/etc/kubernetes/*.conf", "/etc/rancher/k3s/k3s.yaml", "/etc/rancher/rke2/rke2.yaml"}

// collectKubeconfigs sets s.Kubeconfigs.
func collectKubeconfigs(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	k := &snapshot.Kubeconfigs{}
	users := homes(e)
	vars := variablesOf(ctx, e, s.Processes, users)
	found := candidates(ctx, e, vars, users)
	for _, name := range found.names {
		t, err := e.Text(name, source.MaxParsed)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			e.Gap(snapshot.SectionKubeconfigs, name, err)
			continue
		}
		if t.Truncated {
			e.Gap(snapshot.SectionKubeconfigs, name, source.ErrLarge)
			continue
		}
		if f, ok := read(e, t); ok {
			f.Text = source.Clip(f.Text, maxFileBytes)
			if f.Found = found.how[name]; slices.Equal(f.Found, []string{"content"}) {
				k.Others = append(k.Others, f)
			} else {
				k.Files = append(k.Files, f)
			}
		}
	}
	k.Merged = merged(vars, k.Files)
	tools(ctx, e, k, s.Processes, users)
	k.Kubercs = kubercs(ctx, e, s.Processes, users)
	s.Kubeconfigs = k
	return nil
}

// read describes a kubeconfig, or reports false for a file that is none.
func read(e *source.Env, t snapshot.Text) (snapshot.Kubeconfig, bool) {
	f, plugins := ParseKubeconfig(t)
	if f.Error == "" && f.Clusters == nil && f.Users == nil || f.Error != "" && !strings.Contains(t.Content, "clusters") {
		return f, false
	}
	for i, c := range f.Clusters {
		if c.CA == "" && c.CASubject != "" { // the path of the CA, until it is read
			data, _ := e.ReadFile(beside(t.Path, c.CASubject))
			f.Clusters[i].CA, f.Clusters[i].CASubject = authority(data)
		}
	}
	for i, u := range f.Users {
		if u.Cert != nil && u.Cert.SHA256 == "" {
			readCert(e, u.Cert)
		}
		credentials(e, &f.Users[i])
		if p, ok := plugins[u.Name]; ok && u.Exec != nil {
			describe(e, t.Path, p, f.Users[i].Exec)
		}
	}
	return f, true
}

// beside is a path of a kubeconfig: one that is not absolute begins in the
// kubeconfig's folder.
func beside(kubeconfig, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(path.Dir(kubeconfig), name)
}

func readCert(e *source.Env, c *snapshot.Certificate) {
	data, err := e.ReadFile(c.Path)
	if err != nil {
		c.Error = err.Error()
		return
	}
	found, _ := ParsePEM(c.Path, data, 0)
	if len(found) > 0 {
		*c = found[0].Certificate
	}
}

// authority is the fingerprint and subject of the first certificate in data.
func authority(data []byte) (sum, subject string) {
	b, _ := pem.Decode(data)
	if b == nil {
		return "", ""
	}
	c := certificate("", b.Bytes, 0)
	return c.SHA256, c.Subject
}

// A document is the form of a kubeconfig.
type document struct {
	Kind     string `yaml:"kind"`
	Current  string `yaml:"current-context"`
	Clusters []struct {
		Name    string  `yaml:"name"`
		Cluster cluster `yaml:"cluster"`
	} `yaml:"clusters"`
	Contexts []struct {
		Name    string `yaml:"name"`
		Context struct {
			Cluster   string `yaml:"cluster"`
			User      string `yaml:"user"`
			Namespace string `yaml:"namespace"`

			Extensions []extension `yaml:"extensions"`
		} `yaml:"context"`
	} `yaml:"contexts"`
	Users []struct {
		Name string `yaml:"name"`
		User user   `yaml:"user"`
	} `yaml:"users"`
	APIVersion string      `yaml:"apiVersion"`
	Extensions []extension `yaml:"extensions"`
}

type cluster struct {
	Server   string `yaml:"server"`
	CAFile   string `yaml:"certificate-authority"`
	CAData   string `yaml:"certificate-authority-data"`
	Insecure bool   `yaml:"insecure-skip-tls-verify"`
	Proxy    string `yaml:"proxy-url"`
	// ServerName is checked instead of the server's host.
	ServerName         string      `yaml:"tls-server-name"`
	DisableCompression bool        `yaml:"disable-compression"`
	Extensions         []extension `yaml:"extensions"`
}

type extension struct{ Name string }

type user struct {
	CertFile  string  `yaml:"client-certificate"`
	CertData  string  `yaml:"client-certificate-data"`
	KeyFile   string  `yaml:"client-key"`
	KeyData   string  `yaml:"client-key-data"`
	Token     string  `yaml:"token"`
	TokenFile string  `yaml:"tokenFile"`
	As        string  `yaml:"as"`
	Exec      *plugin `yaml:"exec"`

	AsUID    string              `yaml:"as-uid"`
	AsGroups []string            `yaml:"as-groups"`
	AsExtra  map[string][]string `yaml:"as-user-extra"`
	Username string              `yaml:"username"`
	Provider *struct {
		Name   string            `yaml:"name"`
		Config map[string]string `yaml:"config"`
	} `yaml:"auth-provider"`
	Extensions []extension `yaml:"extensions"`
}

// A plugin is an exec entry as it is written, secrets and all. It stays
// inside this package.
type plugin struct {
	Command    string                         `yaml:"command"`
	Args       []string                       `yaml:"args"`
	APIVersion string                         `yaml:"apiVersion"`
	Env        []struct{ Name, Value string } `yaml:"env"`

	InteractiveMode    string `yaml:"interactiveMode"`
	ProvideClusterInfo bool   `yaml:"provideClusterInfo"`
	InstallHint        string `yaml:"installHint"`
}

// ParseKubeconfig reads a kubeconfig. Secrets in its content are replaced by
// fingerprints. The plugins that it names are returned by user; what they are
// is not looked up. The path of a CA that is not embedded stands in CASubject
// until it is read.
func ParseKubeconfig(t snapshot.Text) (snapshot.Kubeconfig, map[string]plugin) {
	var root yaml.Node
	var d document
	err := yaml.Unmarshal([]byte(t.Content), &root)
	if err == nil {
		err = root.Decode(&d)
	}
	raw := t.Content
	t.Content = secret.YAML(raw)
	f := snapshot.Kubeconfig{Text: t, Current: d.Current}
	if err != nil {
		f.Error = secret.Scrub(err.Error())
	}
	at := lines(&root)
	for _, c := range d.Clusters {
		x := snapshot.KubeconfigCluster{
			Name: c.Name, Line: at["clusters/"+c.Name], Server: secret.Scrub(c.Cluster.Server),
			Insecure: c.Cluster.Insecure, Proxy: secret.Scrub(c.Cluster.Proxy), CASubject: c.Cluster.CAFile,
			ServerName: c.Cluster.ServerName, DisableCompression: c.Cluster.DisableCompression,
		}
		if c.Cluster.CAData == "" && c.Cluster.CAFile != "" {
			x.CAFile = beside(t.Path, c.Cluster.CAFile)
		}
		if data, err := base64.StdEncoding.DecodeString(c.Cluster.CAData); err == nil && len(data) > 0 {
			x.CA, x.CASubject = authority(data)
		}
		f.Clusters = append(f.Clusters, x)
	}
	for _, c := range d.Contexts {
		f.Contexts = append(f.Contexts, snapshot.KubeconfigContext{Name: c.Name, Cluster: c.Context.Cluster, User: c.Context.User, Namespace: c.Context.Namespace, Line: at["contexts/"+c.Name]})
	}
	plugins := map[string]plugin{}
	for _, u := range d.Users {
		x := account(t.Path, u.Name, u.User)
		x.Line = at["users/"+u.Name]
		if p := u.User.Exec; p != nil {
			x.Exec = outline(p, at["exec/"+u.Name])
			plugins[u.Name] = *p
		}
		f.Users = append(f.Users, x)
	}
	f.APIVersion, f.Extensions = d.APIVersion, extensions(d)
	f.Odd = odd(&root, d, at)
	return f, plugins
}

// account describes an entry of users, its secrets by fingerprint.
func account(file, name string, u user) snapshot.KubeconfigUser {
	x := snapshot.KubeconfigUser{Name: name, Impersonate: u.As}
	if u.Token != "" {
		x.Token = secret.Fingerprint([]byte(u.Token))
	}
	if u.Provider != nil {
		x.AuthProvider = cmp.Or(u.Provider.Name, "unnamed")
		x.ProviderConfig = slices.Sorted(maps.Keys(u.Provider.Config))
	}
	x.ImpersonateUID, x.ImpersonateGroups, x.ImpersonateExtra, x.Basic = u.AsUID, u.AsGroups, slices.Sorted(maps.Keys(u.AsExtra)), u.Username
	if u.TokenFile != "" {
		x.TokenFile = beside(file, u.TokenFile)
	}
	if u.KeyData == "" && u.KeyFile != "" {
		x.KeyFile = beside(file, u.KeyFile)
	}
	switch {
	case u.CertData != "":
		data, _ := base64.StdEncoding.DecodeString(u.CertData)
		found, _ := ParsePEM(file+"#users/"+name, bytes.TrimSpace(data), 0)
		if len(found) > 0 {
			x.Cert = &found[0].Certificate
			if key, err := base64.StdEncoding.DecodeString(u.KeyData); err == nil && u.KeyData != "" && found[0].cert != nil {
				x.Pair = belongs(publicKeys(key), found[0].cert.RawSubjectPublicKeyInfo)
			}
		}
	case u.CertFile != "":
		x.CertFile = beside(file, u.CertFile)
		x.Cert = &snapshot.Certificate{Path: beside(file, u.CertFile)}
	}
	return x
}

// outline is what the kubeconfig itself says of a plugin.
func outline(p *plugin, line int) *snapshot.ExecPlugin {
	x := &snapshot.ExecPlugin{
		Command: p.Command, Line: line, Args: secret.Args(p.Args), APIVersion: p.APIVersion,
		InteractiveMode: p.InteractiveMode, ProvideClusterInfo: p.ProvideClusterInfo, InstallHint: secret.Scrub(p.InstallHint),
	}
	for _, v := range p.Env {
		value := secret.Scrub(v.Value)
		if secret.Named(v.Name) && !strings.HasPrefix(value, "/") {
			value = secret.Mark(v.Value)
		}
		x.Env = append(x.Env, v.Name+"="+value)
	}
	return x
}

// embedded returns the certificates and keys inside a kubeconfig.
func embedded(name string, data []byte) (certs []parsed, keys []snapshot.Key) {
	var d document
	if err := yaml.Unmarshal(data, &d); err != nil {
		return nil, nil
	}
	add := func(where, text string) {
		raw, err := base64.StdEncoding.DecodeString(text)
		switch {
		case text == "":
		case err != nil:
			certs = append(certs, parsed{Certificate: snapshot.Certificate{Path: name + "#" + where, Error: "it is not base64: " + err.Error()}})
		default:
			c, k := ParsePEM(name+"#"+where, raw, 0)
			for i := range c {
				if c[i].CA {
					c[i].PEM = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c[i].cert.Raw}))
				}
			}
			certs, keys = append(certs, c...), append(keys, k...)
		}
	}
	for _, c := range d.Clusters {
		add("clusters/"+c.Name, c.Cluster.CAData)
	}
	for _, u := range d.Users {
		add("users/"+u.Name, u.User.CertData)
		add("users/"+u.Name, u.User.KeyData)
	}
	return certs, keys
}
