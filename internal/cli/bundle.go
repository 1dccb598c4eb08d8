package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/klustered/klustered/internal/bundle"
)

func (a *App) bundle() *cobra.Command {
	c := &cobra.Command{
		Use: "bundle", Short: "Keep the evidence of nodes in one file, and read it", Args: a.unknownCommand,
		Long: `A bundle is one file with the evidence of one or more nodes: what triage reads,
the files and logs that it quotes, when and how fast it was read, and how the
nodes' clocks differ. It is redacted, may be encrypted, and is diagnosed
anywhere with triage --bundle.`,
		Example: `  klustered bundle create incident.bundle
  klustered bundle inspect incident.bundle`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.bundleCreate(), a.bundleInspect(), a.bundleDiff(), a.bundleRedact())
	return c
}

// A sealing is how a bundle is written: what is left out, and who may read it.
type sealing struct {
	level      string
	note       string
	recipients []string
}

func (s *sealing) flags(f *pflag.FlagSet, level bundle.Level) {
	f.StringVar(&s.level, "redact", string(level), "what the bundle leaves out: none, secrets, addresses or names")
	f.StringVar(&s.note, "note", "", "what the bundle is of, kept in it")
	f.StringArrayVar(&s.recipients, "encrypt", nil, "encrypt to this age recipient, or to those of this file (repeatable)")
}

// options checks the flags, before anything is read.
func (s *sealing) options(at time.Time) (bundle.Options, error) {
	o := bundle.Options{Created: at, Tool: Version(), Note: s.note, Level: bundle.Level(s.level)}
	if !slices.Contains(bundle.Levels(), o.Level) {
		return o, fmt.Errorf("cannot redact to level %q: it is not one of none, secrets, addresses, names", s.level)
	}
	for _, x := range s.recipients {
		list, err := recipients(x)
		if err != nil {
			return o, hint(err, "age-keygen makes a key pair; its recipient begins with age1")
		}
		o.Recipients = append(o.Recipients, list...)
	}
	return o, nil
}

// recipients reads one recipient, or a file of them.
func recipients(x string) ([]age.Recipient, error) {
	if strings.HasPrefix(x, "age1") {
		list, err := age.ParseRecipients(strings.NewReader(x))
		if err != nil {
			return nil, fmt.Errorf("cannot encrypt to %q: %w", x, err)
		}
		return list, nil
	}
	f, err := os.Open(x)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt to %q: it is neither a recipient nor a file of them: %w", x, err)
	}
	defer f.Close()
	list, err := age.ParseRecipients(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read the recipients of %s: %w", x, err)
	}
	return list, nil
}

// identityFlag adds the flag that names what opens an encrypted bundle.
func identityFlag(f *pflag.FlagSet, files *[]string) {
	f.StringArrayVarP(files, "identity", "i", nil, "open an encrypted bundle with this file of age identities (repeatable; also KLUSTERED_IDENTITY)")
}

// readBundle opens the bundle at path; - is standard input.
func (a *App) readBundle(path string, identities []string, keepRaw bool) (*bundle.Bundle, error) {
	k := bundle.Key{Raw: keepRaw}
	if env := a.Getenv("KLUSTERED_IDENTITY"); env != "" && len(identities) == 0 {
		identities = []string{env}
	}
	for _, name := range identities {
		list, err := identitiesOf(name)
		if err != nil {
			return nil, err
		}
		k.Identities = append(k.Identities, list...)
	}
	var in io.Reader = a.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("cannot open the bundle: %w", err)
		}
		defer f.Close()
		in = f
	}
	b, err := k.Open(in)
	switch {
	case errors.Is(err, bundle.ErrLocked):
		return nil, hint(fmt.Errorf("%s: %w", path, err), "name the file of the identity that opens it: --identity FILE")
	case errors.Is(err, bundle.ErrWrongKey):
		return nil, hint(fmt.Errorf("%s: %w", path, err), "it was made with --encrypt and another recipient than yours")
	case err != nil:
		return nil, hint(fmt.Errorf("%s: %w", path, err), "a bundle is written by klustered bundle create FILE")
	}
	return b, nil
}

func identitiesOf(name string) ([]age.Identity, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("cannot read the identity: %w", err)
	}
	defer f.Close()
	list, err := age.ParseIdentities(f)
	if err != nil {
		return nil, fmt.Errorf("cannot read the identities of %s: %w", name, err)
	}
	return list, nil
}
