package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/repair"
	"github.com/klustered/klustered/internal/report"
)

// A gitops is what is done about objects that Flux or Argo CD keeps as they
// are in a repository.
type gitops struct {
	suspend bool
	patchTo string
}

func (g *gitops) flags(f *pflag.FlagSet) {
	f.BoolVar(&g.suspend, "suspend-gitops", false, "suspend the Flux or Argo CD that would put an object back; klustered undo resumes it")
	f.StringVar(&g.patchTo, "patch-to", "", "write the changes of objects that Flux or Argo CD keeps to this folder, as patches for the repository")
}

func (g *gitops) kept() fault.Kept {
	switch {
	case g.patchTo != "":
		return fault.KeptAnyway
	case g.suspend:
		return fault.KeptSuspended
	}
	return fault.KeptRefused
}

func (g *gitops) check(apply bool) error {
	switch {
	case g.patchTo != "" && g.suspend:
		return errors.New("cannot use --patch-to and --suspend-gitops at once: the change is made in the repository or in the cluster")
	case g.patchTo != "" && apply:
		return hint(errors.New("cannot apply with --patch-to: the change is made in the repository"), "leave --apply out")
	}
	return nil
}

// writePatches writes what the jobs change of objects in repositories.
func (a *App) writePatches(g *gitops, jobs []*job) error {
	n := 0
	for _, j := range jobs {
		all, err := repair.Patches(j.place.Snapshot, j.proposal.Plan)
		if err != nil {
			return err
		}
		for _, p := range all {
			if err := os.MkdirAll(g.patchTo, 0o755); err != nil {
				return fmt.Errorf("cannot write the patch: %w", err)
			}
			name := filepath.Join(g.patchTo, p.Name)
			if err := os.WriteFile(name, p.Text, 0o644); err != nil {
				return fmt.Errorf("cannot write the patch: %w", err)
			}
			fmt.Fprintf(a.Out, "Written: %s\n", report.Clean(name))
			n++
		}
	}
	if n == 0 {
		return hint(errors.New("cannot write a patch: nothing that would be changed is kept in a repository"), "leave --patch-to out")
	}
	fmt.Fprintln(a.Out, "Nothing was changed in the cluster. Each file says which repository it is for.")
	return nil
}
