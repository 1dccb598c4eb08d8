package cli

import (
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/bundle"
)

func (a *App) bundleCreate() *cobra.Command {
	var r reach
	var s sealing
	var without bool
	c := &cobra.Command{
		Use: "create FILE", Short: "Read nodes into a bundle", Args: cobra.MaximumNArgs(1),
		Long: `Create reads one or more nodes into one file; - is standard output. Private keys
and tokens never enter it. Secrets in texts are replaced by tokens; addresses
and names too when --redact says so.`,
		Example: `  klustered bundle create incident.bundle
  klustered bundle create - --lab klustered --redact names > incident.bundle
  klustered bundle create incident.bundle --encrypt age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdcsmh8ls2tsdt7`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(errors.New("cannot write the bundle: no file is named"), "klustered bundle create FILE, or - for standard output")
			}
			start := time.Now()
			o, err := s.options(start)
			if err != nil {
				return err
			}
			r.raw = !without
			places, err := a.gather(c.Context(), &r)
			if err != nil {
				return err
			}
			return a.writeBundle(args[0], parts(places), o)
		},
	}
	f := c.Flags()
	r.flags(f)
	f.StringVar(&r.root, "root", "/", "read this node's files below another folder")
	s.flags(f, bundle.Secrets)
	f.BoolVar(&without, "no-raw", false, "leave out the files and logs that the evidence quotes")
	return c
}

// writeBundle writes a bundle to a file, whole or not at all, or to standard
// output.
func (a *App) writeBundle(path string, parts []bundle.Part, o bundle.Options) error {
	write := func(w io.Writer) error { return bundle.Write(w, parts, o) }
	if path != "-" {
		return toFile(path, write)
	}
	if a.OutTerminal {
		return hint(errors.New("cannot write the bundle to a terminal"), "name a file, or pipe it on")
	}
	return write(a.Out)
}
