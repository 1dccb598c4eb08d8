// Command klustered finds out why a Kubernetes node is broken, and repairs it.
package main

import (
	"os"

	"github.com/klustered/klustered/faults/all"
	"github.com/klustered/klustered/internal/cli"
)

func main() {
	app := cli.New(all.Faults)
	app.Lab = cli.LabSpecs
	os.Exit(app.Run(os.Args[1:]))
}
