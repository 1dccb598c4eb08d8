package kubelet

import (
	"context"
	"fmt"
	"path"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// proxy describes the kube-proxy that runs on the node: its arguments, its
// configuration as its container has it, and the mode that it says it is in at
// /proxyMode of its metrics port. version is the release to read it by.
func proxy(ctx context.Context, e *source.Env, list *snapshot.Processes, version string) *snapshot.Proxy {
	if list == nil {
		return nil
	}
	for _, x := range list.ByName("kube-proxy") {
		if x.State == "Z" || len(x.Args) == 0 {
			continue
		}
		p := proxyArgs(x, version)
		if e.Live {
			proxyConfig(e, p)
			if mode, err := get(ctx, "http://127.0.0.1:10249/proxyMode"); err == nil {
				p.Mode, p.ModeFrom = mode, "http://127.0.0.1:10249/proxyMode"
			}
		}
		return p
	}
	return nil
}

func proxyArgs(x snapshot.Process, version string) *snapshot.Proxy {
	p := &snapshot.Proxy{PID: x.PID, Args: secret.Args(x.Args)}
	known, _ := component.Of("kube-proxy", version)
	p.Table = snapshot.FlagTable{Name: known.Name, Version: version, From: "kubelet", Table: known.Version, Exact: known.Exact}
	for _, a := range known.Parse(x.Args[1:]) {
		switch a.Flag.Name {
		case "hostname-override":
			p.Override = a.Value
		case "config":
			p.Config = a.Value
		case "proxy-mode":
			p.Mode, p.ModeFrom = a.Value, "argument"
		}
		if a.Problem != "" && len(p.Problems) < maxProblems {
			p.Problems = append(p.Problems, snapshot.Flag{Name: a.Name, Value: a.Value, Problem: a.Problem, Nearest: a.Nearest})
		}
	}
	return p
}

// proxyConfig reads the configuration file through the process's own root.
func proxyConfig(e *source.Env, p *snapshot.Proxy) {
	if p.Config == "" {
		return
	}
	name := fmt.Sprintf("/proc/%d/root", p.PID) + path.Clean("/"+p.Config)
	data, err := e.ReadFile(name)
	if err != nil {
		e.Gap(snapshot.SectionKubelet, name, err)
		return
	}
	doc, err := parse(data)
	if err != nil || doc == nil {
		p.ConfigErr = fmt.Sprint("is no configuration: ", err)
		return
	}
	if mode := text(doc, "mode"); mode != "" {
		p.Mode, p.ModeFrom = mode, p.Config
	}
	p.Kubeconfig = text(doc, "clientConnection", "kubeconfig")
	p.Server = proxyServer(e, p)
	p.ConfigProblems = check(component.SchemaOf(p.Table.Table), doc, "KubeProxyConfiguration", p.Config)
	p.Fields = manifestFields(secret.YAML(string(data)))
}

// proxyServer is the server of the kubeconfig that the process has in its own
// root, where it names one alone.
func proxyServer(e *source.Env, p *snapshot.Proxy) string {
	if p.Kubeconfig == "" {
		return ""
	}
	data, err := e.ReadFile(fmt.Sprintf("/proc/%d/root", p.PID) + path.Clean("/"+p.Kubeconfig))
	if err != nil {
		return ""
	}
	doc, err := parse(data)
	if err != nil || doc == nil {
		return ""
	}
	if list := items(at(doc, "clusters")); len(list) == 1 {
		return text(list[0], "cluster", "server")
	}
	return ""
}
