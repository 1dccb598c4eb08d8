package cli

import (
	"cmp"
	"slices"

	"github.com/spf13/pflag"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/internal/diagnose"
	"github.com/klustered/klustered/internal/site"
)

func siteFlag(f *pflag.FlagSet, file *string) {
	f.StringVar(file, "site", "", "what this site ignores, with reason and end (default: "+site.Name+" here, then /etc/klustered/site.yaml; none: read no file)")
}

// ignores reads the site's file: the one that is named, else that of
// KLUSTERED_SITE, else the first of the usual ones.
func (a *App) ignores(file string) ([]diagnose.Ignore, error) {
	file = cmp.Or(file, a.Getenv("KLUSTERED_SITE"), site.Find(site.Name, "/etc/klustered/site.yaml"))
	if file == "" || file == "none" {
		return nil, nil
	}
	s, err := site.Load(file, func(name string) bool {
		return site.Own(name) || slices.ContainsFunc(a.Faults, func(f *fault.Fault) bool { return f.Named(name) })
	})
	if err != nil {
		return nil, hint(err, "klustered faults lists the IDs and layers; --site none reads no file")
	}
	return s.Ignores, nil
}
