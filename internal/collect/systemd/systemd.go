// Package systemd collects the node's units as their files say and as the
// manager sees them, and everything else that runs by itself: cron, at,
// timers, boot and event hooks.
//
// Unit files are read and merged as systemd.unit(5) describes. The manager is
// asked over its private socket, so that a dead D-Bus daemon hides nothing.
package systemd

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// Collectors are those of this package.
func Collectors() []source.Collector {
	return []source.Collector{
		{Section: snapshot.SectionSystemd, Collect: collectUnits},
		{Section: snapshot.SectionPersistence, Collect: collectPersistence,
			After: []snapshot.Section{snapshot.SectionProcesses, snapshot.SectionSystemd}},
	}
}

// always are the units that are listed whether or not they exist as files of
// the administrator.
var always = []string{"kubelet.service", "containerd.service", "crio.service", "cri-docker.service", "docker.service"}

// servers are the units of etcd, k3s and RKE2: of those that are listed, the
// files are read as well.
var servers = []string{"etcd.service", "k3s.service", "k3s-agent.service", "rke2-server.service", "rke2-agent.service"}

// askWait is how long the manager may take to answer everything.
const askWait = 1500 * time.Millisecond

// collectUnits reads the unit files, then asks the manager for their state.
func collectUnits(ctx context.Context, e *source.Env, s *snapshot.Snapshot) error {
	t := index(e)
	names := t.own()
	for _, n := range always {
		if t.exists(n) && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	x := &snapshot.Systemd{Defaults: defaults(e), Generators: generators(e), UserUnits: userUnits(e), Linger: lingering(e)}
	x.DefaultTexts = t.texts(t.unitFiles(snapshot.Unit{DropIns: sources(x.Defaults)}, x.Loaded))
	if i, err := e.Stat(loadedMark); err == nil {
		x.Loaded = i.Modified
	}
	for _, n := range names {
		u := t.unit(n)
		if started := t.starts(u); len(started) > 0 {
			u.Unit = started[0]
		}
		u.Files = t.unitFiles(u, x.Loaded)
		u.Sourced = t.sourced(u)
		if slices.Contains(always, n) && !u.Masked {
			u.Unmet, u.Texts = t.unmet(u), t.texts(u.Files)
		}
		if strings.HasSuffix(n, ".slice") || slices.Contains(servers, n) && !u.Masked {
			u.Texts = t.texts(u.Files)
		}
		x.Units = append(x.Units, scrubbed(u))
	}
	s.Systemd = x
	if !e.Live {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return ask(ctx, x)
}

// scrubbed is the unit without the secrets that its settings hold: those of
// Environment= above all.
func scrubbed(u snapshot.Unit) snapshot.Unit {
	for i := range u.Settings {
		u.Settings[i].Value = secret.Scrub(u.Settings[i].Value)
	}
	return u
}

// own are the units that no package owns, those to which a file that no
// package owns adds settings, and what they start.
func (t *tree) own() []string {
	names := map[string]bool{}
	for name := range t.named() {
		if !strings.Contains(name, "@.") && t.foreign(name) {
			names[name] = true
		}
	}
	for name := range names {
		for _, started := range t.starts(t.unit(name)) {
			names[started] = true
		}
	}
	var out []string
	for n := range names {
		out = append(out, n)
	}
	return out
}

// named are the units that have a fragment, or a folder of drop-ins: a slice
// such as kubepods.slice may have no more than that.
func (t *tree) named() map[string]bool {
	out := map[string]bool{}
	for name := range t.files {
		out[name] = true
	}
	for dir := range t.adds {
		if name := strings.TrimSuffix(dir, ".d"); isUnit(name) && !strings.Contains(name, "-.") {
			out[name] = true
		}
	}
	return out
}

// foreign reports whether a file of the unit is nobody's package's: its
// fragment, or a drop-in, which may stand beside a package's fragment.
func (t *tree) foreign(name string) bool {
	if f := t.files[name]; f.path != "" && !f.alias && t.env.PackageOwner(f.path) == "" {
		return true
	}
	_, kind := splitName(name)
	for _, d := range t.dropIns(name) {
		// One for every unit of a kind would make all of them foreign.
		if path.Base(path.Dir(d)) != kind+".d" && t.env.PackageOwner(d) == "" {
			return true
		}
	}
	return false
}

// starts are the units that a timer, path or socket starts.
func (t *tree) starts(u snapshot.Unit) []string {
	stem, kind := splitName(u.Name)
	switch kind {
	case "timer", "path", "socket":
	default:
		return nil
	}
	for _, s := range u.Settings {
		if (s.Key == "Unit" || s.Key == "Service") && s.Value != "" {
			return []string{s.Value}
		}
	}
	return []string{stem + ".service"}
}

// splitName cuts "x.service" into "x" and "service".
func splitName(name string) (stem, kind string) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return name, ""
	}
	return name[:i], name[i+1:]
}
