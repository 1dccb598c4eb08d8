// Package kubelet reads how the kubelet is set up, whether it is well, and
// the static pods it runs.
package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are the collectors of this package: the kubelet section, and the
// static section, which needs to know the kubelet's folder.
func Collectors() []source.Collector {
	return []source.Collector{
		{
			Section: snapshot.SectionKubelet,
			After:   []snapshot.Section{snapshot.SectionProcesses},
			Timeout: 2500 * time.Millisecond,
			Collect: collect,
		},
		{
			Section: snapshot.SectionStatic,
			After:   []snapshot.Section{snapshot.SectionKubelet},
			Collect: collectStatic,
		},
	}
}

// The paths of kubeadm and the defaults of the kubelet itself.
const (
	kubeadmConfig     = "/var/lib/kubelet/config.yaml"
	kubeadmKubeconfig = "/etc/kubernetes/kubelet.conf"
	kubeadmStatic     = "/etc/kubernetes/manifests"
	defaultCertDir    = "/var/lib/kubelet/pki"
	defaultSocket     = "unix:///run/containerd/containerd.sock"
)

// errNoKubelet says why the section stays empty.
var errNoKubelet = errors.New("no kubelet runs, and neither a unit nor a configuration of one is there")

// collect sets s.Kubelet. It stays nil on a machine with no trace of a
// kubelet.
func collect(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	k := &snapshot.Kubelet{Start: readStart(e)}
	p := process(s.Processes)
	k.Running, k.PID = p.PID > 0, p.PID
	var list []snapshot.Word
	if k.Running {
		list = running(p.Args, k.Start)
	} else if k.Start != nil {
		list = k.Start.Words
	}
	k.Args = secret.Args(texts(list))
	if len(list) > 0 {
		k.Program, list = list[0].Text, list[1:]
	}
	flags := ParseFlags(texts(list))
	readConfig(e, k, flags)
	if !k.Running && len(k.Args) == 0 && k.Config == nil {
		return errNoKubelet
	}
	if p.Exe != "" {
		k.Program = p.Exe
	}
	k.Version, k.VersionFrom = version(e, k.Program)
	set := effective(e, k, list)
	settle(k, set)
	client(e, k, flags)
	surroundings(e, k, flags)
	k.Names = names(e, s, k, flags)
	k.Files = settingFiles(e, k)
	k.Absent, k.Others = absent(e, k)
	k.Stale = stale(e, p, slices.Concat([]string{k.ConfigPath}, k.DropIns, startFiles(k)))
	var asked sync.WaitGroup
	if e.Live {
		asked.Go(func() { k.Healthz, k.HealthErr = healthz(ctx, k.Effective) })
		asked.Go(func() { k.Server = server(ctx, k) })
	}
	k.Proxy = proxy(ctx, e, s.Processes, k.Version)
	asked.Wait()
	s.Kubelet = k
	return nil
}

// effective loads the settings of the command line, and of the next one where
// the kubelet runs.
func effective(e *source.Env, k *snapshot.Kubelet, list []snapshot.Word) map[string]snapshot.Effective {
	l := newLoader(e, k)
	k.TableMinor = l.program.Version
	set := l.load(list, true)
	if k.Start == nil {
		return set
	}
	if k.Running && len(k.Start.Words) > 0 {
		k.Start.Differs = differs(set, l.load(k.Start.Words[1:], false))
	}
	k.Start.Words = hide(k.Start.Words)
	return set
}

func startFiles(k *snapshot.Kubelet) []string {
	if k.Start == nil {
		return nil
	}
	return k.Start.Files
}

// paths are the settings that name a file or folder to be read.
var paths = []string{"--config", "--config-dir", "--kubeconfig", "--bootstrap-kubeconfig", "--image-credential-provider-config", "--image-credential-provider-bin-dir",
	"authentication.x509.clientCAFile", "tlsCertFile", "tlsPrivateKeyFile", "resolvConf", "staticPodPath"}

// absent are the paths that settings name and that are not there, and of
// those settings the paths that a weaker place names and that are.
func absent(e *source.Env, k *snapshot.Kubelet) (gone map[string]string, others []string) {
	gone = map[string]string{}
	missing := func(name string) bool {
		_, err := e.Stat(name)
		return path.IsAbs(name) && errors.Is(err, fs.ErrNotExist)
	}
	for _, key := range paths {
		if !missing(k.Effective[key].Value) {
			continue
		}
		gone[key] = k.Effective[key].Value
		for _, o := range k.Effective[key].Overrides {
			if path.IsAbs(o.Value) && !missing(o.Value) {
				others = append(others, o.Value)
			}
		}
	}
	return gone, others
}

// settingFiles reads the files that the kubelet's settings are written in.
func settingFiles(e *source.Env, k *snapshot.Kubelet) []snapshot.Text {
	var out []snapshot.Text
	for _, name := range slices.Concat(startFiles(k), []string{k.ConfigPath}, k.DropIns) {
		if name == "" || slices.ContainsFunc(out, func(t snapshot.Text) bool { return t.Path == name }) || len(out) == maxManifests {
			continue
		}
		t, err := e.Text(name, source.MaxParsed)
		if err != nil {
			continue // told where it is read for its settings
		}
		if name == k.ConfigPath || slices.Contains(k.DropIns, name) {
			t.Content = secret.YAML(t.Content)
		} else {
			t.Content = secret.Scrub(t.Content)
		}
		out = append(out, source.Clip(t, 0))
	}
	return out
}

// process returns the running kubelet.
func process(p *snapshot.Processes) snapshot.Process {
	if p == nil {
		return snapshot.Process{}
	}
	for _, x := range p.ByName("kubelet") {
		if x.State != "Z" && x.Container == "" && len(x.Args) > 0 {
			return x
		}
	}
	return snapshot.Process{}
}

// client finds the kubelet's kubeconfig, its client certificate and the node
// name in it.
func client(e *source.Env, k *snapshot.Kubelet, f Flags) {
	k.Kubeconfig = cmp.Or(f["kubeconfig"], kubeadmKubeconfig)
	data, err := e.ReadFile(k.Kubeconfig)
	if err != nil && !(errors.Is(err, fs.ErrNotExist) && f["kubeconfig"] == "") {
		e.Gap(snapshot.SectionKubelet, k.Kubeconfig, err)
	}
	cert, inline := parseClient(data)
	if cert != "" && !path.IsAbs(cert) {
		cert = path.Join(path.Dir(k.Kubeconfig), cert)
	}
	k.ClientCert = cmp.Or(cert, path.Join(cmp.Or(f["cert-dir"], defaultCertDir), "kubelet-client-current.pem"))
	if inline == nil {
		inline, _ = e.ReadFile(k.ClientCert)
	} else {
		k.ClientCert = k.Kubeconfig
	}
	if k.NodeName == "" {
		k.NodeName = nodeName(inline)
	}
}

// dropIns returns the drop-in files of the kubelet's --config-dir and of the
// folders in it, in the order in which it merges them.
func dropIns(e *source.Env, dir string) []string {
	if dir == "" {
		return nil
	}
	if i, err := e.Lstat(dir); err == nil && i.IsLink() && !strings.HasSuffix(dir, "/") {
		return nil // it does not follow a link there
	}
	var out []string
	seen := 0
	var walk func(at string, depth int)
	walk = func(at string, depth int) {
		list, err := e.ReadDir(at)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.Gap(snapshot.SectionKubelet, at, err)
		}
		for _, x := range list {
			if seen++; seen > maxVisits || depth > maxDepth || len(out) == maxManifests {
				e.Gap(snapshot.SectionKubelet, at, fmt.Errorf("not all of it was looked at: more than %d files", len(out)))
				return
			}
			switch name := path.Join(at, x.Name()); {
			case x.IsDir():
				walk(name, depth+1)
			case path.Ext(name) == ".conf":
				out = append(out, name)
			}
		}
	}
	walk(dir, 0)
	return out
}
