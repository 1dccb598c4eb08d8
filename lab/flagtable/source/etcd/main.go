//go:build ignore

// Command etcd prints, as JSON, the flags that an etcd release accepts.
package main

import (
	"encoding/json"
	stdflag "flag"
	"fmt"
	"os"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

// flag is a flag as the driver reads it.
type flag struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
	NoOpt   string `json:"noOpt,omitempty"`
	// Usage of etcd's help says what is deprecated; hidden flags there are none.
	Deprecated bool `json:"deprecated,omitempty"`
}

func main() {
	all := []flag{}
	etcdmain.Flags().VisitAll(func(f *stdflag.Flag) {
		x := flag{Name: f.Name, Type: typeOf(f.Value), Default: f.DefValue,
			Deprecated: strings.Contains(strings.ToLower(f.Usage), "deprecated")}
		if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			x.NoOpt = "true"
		}
		all = append(all, x)
	})
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// typeOf names the type of a value as the flags of Kubernetes name theirs.
func typeOf(v stdflag.Value) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", v), "*")
	name = name[strings.LastIndexByte(name, '.')+1:]
	switch name {
	case "UniqueURLs", "URLsValue":
		return "urls"
	case "UniqueStringsValue", "StringsValue":
		return "stringSlice"
	case "SelectiveStringValue", "SelectiveStringsValue":
		if x, ok := v.(interface{ Valids() []string }); ok {
			return "enum(" + strings.Join(x.Valids(), "|") + ")"
		}
	case "uint32Value":
		return "uint32"
	}
	return strings.TrimSuffix(name, "Value")
}
