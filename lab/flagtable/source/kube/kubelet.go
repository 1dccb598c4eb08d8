//go:build ignore

package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	kubeletscheme "k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
)

// kubeletFlags are the flags that the kubelet's command parses.
func kubeletFlags() *pflag.FlagSet {
	set := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	options.NewKubeletFlags().AddFlags(set)
	options.AddKubeletConfigFlags(set, kubeletConfig())
	options.AddGlobalFlags(set)
	set.BoolP("help", "h", false, "")
	return set
}

func kubeletConfig() *kubeletconfig.KubeletConfiguration {
	config, err := options.NewKubeletConfiguration()
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	return config
}

// bindings are the fields of the configuration that the kubelet's flags set,
// by flag: each flag is given a value, and it is seen which field has changed.
func bindings() map[string]string {
	out := map[string]string{}
	names := pflag.NewFlagSet("", pflag.ContinueOnError)
	options.AddKubeletConfigFlags(names, kubeletConfig())
	before := kubeletFields(kubeletConfig())
	names.VisitAll(func(f *pflag.Flag) {
		config := kubeletConfig()
		set := pflag.NewFlagSet("", pflag.ContinueOnError)
		options.AddKubeletConfigFlags(set, config)
		if set.Set(f.Name, sample(f)) != nil {
			return
		}
		for path, value := range kubeletFields(config) {
			if before[path] != value {
				field := path
				for _, stem := range mapFields {
					if strings.HasPrefix(path, stem+".") {
						field = stem
					}
				}
				out[f.Name] = field
			}
		}
	})
	return out
}

// mapFields hold a map, whose keys are no fields.
var mapFields = []string{"featureGates", "evictionHard", "evictionSoft", "evictionSoftGracePeriod", "evictionMinimumReclaim", "systemReserved",
	"kubeReserved", "qosReserved", "staticPodURLHeader", "cpuManagerPolicyOptions", "topologyManagerPolicyOptions"}

// kubeletFields are the values of a configuration by path, as in a file.
func kubeletFields(config *kubeletconfig.KubeletConfiguration) map[string]string {
	scheme, _, err := kubeletscheme.NewSchemeAndCodecs()
	if err != nil {
		panic(err)
	}
	var out kubeletv1beta1.KubeletConfiguration
	if err := scheme.Convert(config, &out, nil); err != nil {
		panic(err)
	}
	data, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		panic(err)
	}
	fields := map[string]string{}
	flatten(fields, "", tree)
	return fields
}

// sample is a value that is not the flag's default.
func sample(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return strconv.FormatBool(f.DefValue != "true")
	case "int", "int32", "int64", "uint", "Level", "float64":
		return "7"
	case "duration":
		return "77s"
	case "ip":
		return "10.9.8.7"
	case "quantity":
		return "7Ki"
	case "mapStringBool":
		return "AllAlpha=true"
	case "mapStringString", "colonSeparatedMultimapStringString":
		for _, s := range []string{"memory=1Mi", "memory.available<1Mi", "a:b"} {
			if f.Value.Set(s) == nil {
				return s
			}
		}
	case "[]v1.Taint":
		return "a=b:NoSchedule"
	case "reserved-memory":
		return "0:memory=1Gi"
	case "pattern=N,...":
		return "a=1"
	}
	if f.Name == "logging-format" {
		return "json"
	}
	return "klustered"
}
