//go:build ignore

package etcdmain

import "flag"

// Flags are the flags of etcd's command line. This file is laid over the
// package, which keeps them to itself.
func Flags() *flag.FlagSet { return newConfig().cf.flagSet }
