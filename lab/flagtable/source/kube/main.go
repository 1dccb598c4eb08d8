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
	goflag "flag"
	"fmt"
	"os"
	"sort"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	cliflag "k8s.io/component-base/cli/flag"

	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/component-base/logs/json/register"
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
		// It takes over every flag of Go's that is linked in, which in this
		// program are the kubelet's.
		goflag.CommandLine = goflag.NewFlagSet(name, goflag.ContinueOnError)
		return proxy.NewProxyCommand()
	case "kubelet":
		return kubeletCommand()
	}
	return nil
}

// kubeletCommand is the kubelet's command, which older releases make without a
// context.
func kubeletCommand() *cobra.Command {
	switch f := any(kubelet.NewKubeletCommand).(type) {
	case func(context.Context) *cobra.Command:
		return f(context.Background())
	case func() *cobra.Command:
		return f()
	}
	return nil
}

// typeOf is the flag's type. Several kinds of maps share one name, and are
// told apart by what they take: mapStringLess has < for =, mapStringLoose
// takes a name alone, and the commas of mapStringOne part nothing.
func typeOf(f *pflag.Flag) string {
	takes := func(value string) bool { return f.Value.Set(value) == nil }
	switch t := f.Value.Type(); {
	case t != "mapStringString":
		return t
	case takes("a"):
		return "mapStringLoose"
	case takes("a=b,c"):
		return "mapStringOne"
	case !takes("a=b"):
		return "mapStringLess"
	}
	return "mapStringString"
}

// flags lists the flags of a component. The kubelet parses its flags itself
// and adds them to its command only when it runs.
func flags(command *cobra.Command) []flag {
	command.InitDefaultHelpFlag()
	set := command.Flags()
	set.AddFlagSet(pflag.CommandLine)
	if command.DisableFlagParsing {
		set = kubeletFlags()
	}
	set.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	all := []flag{}
	set.VisitAll(func(f *pflag.Flag) {
		all = append(all, flag{Name: f.Name, Short: f.Shorthand, Type: typeOf(f), Default: f.DefValue,
			NoOpt: f.NoOptDefVal, Deprecated: f.Deprecated != "", Hidden: f.Hidden})
	})
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	return all
}
