// Package kubelet reads how the kubelet is set up, whether it is well, and
// the static pods it runs.
package kubelet

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
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
	k := &snapshot.Kubelet{}
	args, pid := process(s.Processes)
	if k.Running, k.PID = pid > 0, pid; !k.Running {
		args = unitArgs(e)
	}
	flags := ParseFlags(args)
	k.Args = secret.Args(args)
	c := readConfig(e, k, flags)
	if !k.Running && len(args) == 0 && k.Config == nil {
		return errNoKubelet
	}
	resolve(k, c, flags)
	client(e, k, flags)
	if e.Live {
		k.Healthz, k.HealthErr = healthz(ctx, c)
	}
	s.Kubelet = k
	return nil
}

// process returns the arguments and PID of the running kubelet.
func process(p *snapshot.Processes) ([]string, int) {
	if p == nil {
		return nil, 0
	}
	for _, x := range p.ByName("kubelet") {
		if x.State != "Z" && x.Container == "" && len(x.Args) > 0 {
			return x.Args, x.PID
		}
	}
	return nil, 0
}

// resolve sets what flags and configuration together say; a flag wins.
func resolve(k *snapshot.Kubelet, c config, f Flags) {
	k.StaticPodPath = cmp.Or(f["pod-manifest-path"], c.StaticPodPath)
	k.CgroupDriver = cmp.Or(f["cgroup-driver"], c.CgroupDriver, "cgroupfs")
	k.Endpoint = cmp.Or(f["container-runtime-endpoint"], c.ContainerRuntimeEndpoint, defaultSocket)
	k.ClusterDNS = c.ClusterDNS
	if dns := f["cluster-dns"]; dns != "" {
		k.ClusterDNS = strings.Split(dns, ",")
	}
	k.NodeName = strings.ToLower(f["hostname-override"])
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

// dropIns returns the drop-in files of the kubelet's --config-dir, in the
// order in which it merges them.
func dropIns(e *source.Env, dir string) []string {
	if dir == "" {
		return nil
	}
	files := e.Glob(path.Join(dir, "*.conf"))
	slices.Sort(files)
	return files
}
