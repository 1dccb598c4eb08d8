//go:build ignore

// Command kube prints, as JSON, what a Kubernetes release accepts. With the
// name of a component it prints that component's flags; with "release" it
// prints what the components have in common: feature gates, admission plugins,
// controllers, and the fields of configuration files and pods.
//
// A component is asked in a process of its own, since two of them cannot both
// take the signals.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// flag is a flag as the driver reads it.
type flag struct {
	Name       string `json:"name"`
	Short      string `json:"short,omitempty"`
	Type       string `json:"type"`
	Default    string `json:"default,omitempty"`
	NoOpt      string `json:"noOpt,omitempty"`
	Deprecated bool   `json:"deprecated,omitempty"`
	Hidden     bool   `json:"hidden,omitempty"`
}

func main() {
	var out any
	switch name := os.Args[1]; name {
	case "release":
		out = theRelease()
	default:
		command := program(name)
		if command == nil {
			fmt.Fprintf(os.Stderr, "kube: cannot ask %q: no component has that name\n", name)
			os.Exit(1)
		}
		out = flags(command)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func program(name string) *cobra.Command {
	switch name {
	case "kube-apiserver":
		return apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		return controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		return scheduler.NewSchedulerCommand()
	case "kube-proxy":
		return proxy.NewProxyCommand()
	case "kubelet":
		return kubelet.NewKubeletCommand(context.Background())
	}
	return nil
}

// flags lists the flags of a component. The kubelet parses its flags itself
// and adds them to its command only when it runs.
func flags(command *cobra.Command) []flag {
	set := command.Flags()
	if command.DisableFlagParsing {
		set = kubeletFlags()
	}
	all := []flag{}
	set.VisitAll(func(f *pflag.Flag) {
		all = append(all, flag{Name: f.Name, Short: f.Shorthand, Type: f.Value.Type(), Default: f.DefValue,
			NoOpt: f.NoOptDefVal, Deprecated: f.Deprecated != "", Hidden: f.Hidden})
	})
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}
