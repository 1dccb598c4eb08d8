package cli

import (
	"cmp"
	"errors"

	"github.com/spf13/cobra"

	"github.com/klustered/klustered/internal/bundle"
)

func (a *App) bundleRedact() *cobra.Command {
	var s sealing
	var identities []string
	c := &cobra.Command{
		Use: "redact FILE NEW", Short: "Write a bundle again with less in it", Args: cobra.MaximumNArgs(2),
		Long: `Redact writes a copy of a bundle that leaves out more: secrets, then addresses,
then names as well. What is the same stays the same: the copy is diagnosed as
the bundle is. The bundle itself is not changed.`,
		Example: `  klustered bundle redact incident.bundle for-the-vendor.bundle --redact names
  klustered bundle redact incident.bundle - -i key.txt > open.bundle`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return hint(errors.New("cannot redact the bundle: it takes the bundle and the file to write"), "klustered bundle redact FILE NEW")
			}
			b, err := a.readBundle(args[0], identities, true)
			if err != nil {
				return err
			}
			o, err := s.options(b.Manifest.Created)
			if err != nil {
				return err
			}
			o.Tool, o.Note = b.Manifest.Tool, cmp.Or(o.Note, b.Manifest.Note)
			o.Level = stricter(o.Level, b.Manifest.Redacted)
			return a.writeBundle(args[1], b.Parts, o)
		},
	}
	s.flags(c.Flags(), bundle.Names)
	identityFlag(c.Flags(), &identities)
	return c
}

// stricter is the level that takes out more.
func stricter(a, b bundle.Level) bundle.Level {
	for _, x := range bundle.Levels() {
		if a == x {
			return b
		}
		if b == x {
			return a
		}
	}
	return a
}
