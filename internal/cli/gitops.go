package cli

import (
	"bytes"
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

// writePatches writes what the jobs change of objects in repositories. Nothing
// that is there is written over.
func (a *App) writePatches(g *gitops, jobs []*job) error {
	var plans []repair.Planned
	for _, j := range jobs {
		plans = append(plans, repair.Planned{From: j.place.Snapshot, Plan: j.proposal.Plan})
	}
	all, refused := repair.Patches(plans...)
	for _, p := range all {
		name := filepath.Join(g.patchTo, p.Name)
		if err := writeNew(name, p.Text); err != nil {
			return errors.Join(err, refused)
		}
		fmt.Fprintf(a.Out, "Written: %s\n", report.Clean(name))
	}
	if refused != nil {
		return refused
	}
	if len(all) == 0 {
		return hint(errors.New("cannot write a patch: nothing that would be changed is kept in a repository"), "leave --patch-to out")
	}
	fmt.Fprintln(a.Out, "Nothing was changed in the cluster. Each file says which repository it is for.")
	return nil
}

// writeNew makes a file that must not be there, unless it says the same.
func writeNew(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("cannot write the patch: %w", err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		if was, again := os.ReadFile(name); again == nil && bytes.Equal(was, text) {
			return nil
		}
		return hint(fmt.Errorf("cannot write the patch %s: another file of that name is there", name), "name another folder with --patch-to")
	}
	if err == nil {
		_, err = f.Write(text)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("cannot write the patch: %w", err)
	}
	return nil
}

// resting says which reconcilers rest since a repair that was kept, and how they
// are woken without taking it back.
func (a *App) resting(j *job) {
	commands := fault.Resumes(j.place.Snapshot, j.proposal.Plan)
	if len(commands) == 0 {
		return
	}
	fmt.Fprintln(a.Out, "What keeps it in a repository rests now. Once the change is made there, this resumes it (klustered undo takes the repair back as well):")
	for _, c := range commands {
		fmt.Fprintf(a.Out, "  %s\n", report.Clean(c))
	}
}
