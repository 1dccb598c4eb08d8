package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/snapshot"
)

// testSystemd compares the merged files and the states of units with what
// systemctl shows, and the timers with list-timers.
func testSystemd(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Systemd
	if x == nil || !x.Reachable {
		t.Fatal("not collected")
	}
	var names, cat []string
	for _, u := range x.Units {
		names = append(names, "'"+u.Name+"'")
		if !u.Masked {
			cat = append(cat, "'"+u.Name+"'")
		}
	}
	shown := units(ctx, t, n, names)
	for _, u := range x.Units {
		compareUnit(t, u, shown[u.Name])
	}
	testOrigins(ctx, t, n, cat)
	failed, err := n.Lines(ctx, `systemctl list-units --all --plain --no-legend --state=failed,auto-restart | awk '{print $1}'`)
	if err != nil {
		t.Fatal(err)
	}
	var ailing []string
	for _, u := range x.Ailing {
		ailing = append(ailing, u.Unit)
	}
	same(t, "ailing units", ailing, failed)
	testTimers(ctx, t, n)
}

// units are the properties of units as systemctl shows them.
func units(ctx context.Context, t *testing.T, n Node, names []string) map[string]map[string]string {
	out, err := n.Exec(ctx, "bash", "-c", "systemctl show -p Id,Names,FragmentPath,DropInPaths,LoadState,ActiveState,NeedDaemonReload,Restart,KillMode,Nice,User,Type,TasksMax,MemoryMax,CPUQuotaPerSecUSec,LimitNOFILE,OOMScoreAdjust,Delegate,WorkingDirectory,UnitFileState "+strings.Join(names, " "))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for block := range strings.SplitSeq(string(out), "\n\n") {
		p := map[string]string{}
		for line := range strings.Lines(block) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			p[key] = value
		}
		for _, name := range strings.Fields(p["Names"]) {
			all[name] = p
		}
		all[p["Id"]] = p
	}
	return all
}

// compareUnit compares one unit.
func compareUnit(t *testing.T, u snapshot.Unit, p map[string]string) {
	check := func(what, got, want string) {
		if got != want {
			t.Errorf("%s: %s is %q, systemctl shows %q", u.Name, what, got, want)
		}
	}
	if p == nil {
		t.Errorf("%s: systemctl does not know it", u.Name)
		return
	}
	check("load state", u.Load, p["LoadState"])
	if u.Active != "activating" && u.Active != "deactivating" {
		check("active state", u.Active, p["ActiveState"])
	}
	if p["LoadState"] == "masked" {
		return
	}
	if !strings.HasPrefix(p["FragmentPath"], "/run/systemd/generator") {
		check("fragment", u.Path, strings.Replace(p["FragmentPath"], "/lib/systemd", "/usr/lib/systemd", 1))
	}
	check("drop-ins", strings.ReplaceAll(strings.Join(u.DropIns, " "), "/usr/lib/", "/lib/"), strings.ReplaceAll(p["DropInPaths"], "/usr/lib/", "/lib/"))
	for _, key := range []string{"Restart", "KillMode", "Nice", "User", "Type", "OOMScoreAdjust", "Delegate", "WorkingDirectory"} {
		if s, ok := u.Last("Service", key); ok && !strings.Contains(s.Value, "%") && s.Value != "yes" && s.Value != "true" {
			check(key, s.Value, p[key])
		}
	}
	if u.State != "" {
		check("enabled", u.State, p["UnitFileState"])
		check("reload", fmt.Sprint(u.Reload), fmt.Sprint(p["NeedDaemonReload"] == "yes"))
	}
	for _, e := range u.Effective {
		if want, ok := p[e.Name]; ok && e.Name != "CPUQuotaPerSecUSec" && e.Name != "Delegate" {
			check(e.Name, e.Value, want)
		}
	}
}

// testOrigins compares the lines that systemctl cat shows of each file with
// the settings collected: each that holds must stand where it is said to.
func testOrigins(ctx context.Context, t *testing.T, n Node, names []string) {
	lines, err := n.Lines(ctx, "systemctl cat "+strings.Join(names, " ")+" 2>/dev/null | grep -o '^# /.*\\.\\(conf\\|service\\|timer\\|path\\|socket\\|slice\\|mount\\|target\\|scope\\|swap\\|automount\\)$' | sed 's/^# //; s,^/lib/,/usr/lib/,' | sort -u")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var files []string
	for _, u := range n.Snapshot.Systemd.Units {
		for _, f := range u.Files {
			if !u.Masked && !seen[f.Path] {
				seen[f.Path] = true
				files = append(files, f.Path)
			}
		}
		for _, s := range u.Settings {
			got, err := n.Lines(ctx, fmt.Sprintf("sed -n %dp '%s'", s.Line, s.Source))
			if err != nil || len(got) != 1 || !strings.HasPrefix(strings.ReplaceAll(got[0], " ", ""), s.Key+"=") {
				t.Errorf("%s: %s:%d holds %q and not %s (%v)", u.Name, s.Source, s.Line, got, s.Key, err)
			}
		}
	}
	same(t, "files of units", files, lines)
}

// testTimers compares the timers.
func testTimers(ctx context.Context, t *testing.T, n Node) {
	var list []struct {
		Next, Last      int64
		Unit, Activates string
	}
	if err := n.JSON(ctx, "systemctl list-timers -o json", &list); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, w := range list {
		shown[w.Unit] = true
		found := false
		for _, g := range n.Snapshot.Systemd.Timers {
			if g.Unit != w.Unit {
				continue
			}
			found = true
			if off := time.UnixMicro(w.Next).Sub(g.Next).Abs(); w.Next > 0 && off > 2*time.Second {
				t.Errorf("%s: next is %s, systemctl shows %s", w.Unit, g.Next, time.UnixMicro(w.Next).UTC())
			}
			if off := time.UnixMicro(w.Last).Sub(g.Last).Abs(); w.Last > 0 && off > 2*time.Second {
				t.Errorf("%s: last is %s, systemctl shows %s", w.Unit, g.Last, time.UnixMicro(w.Last).UTC())
			}
			if g.Activates != w.Activates {
				t.Errorf("%s: starts %q, systemctl shows %q", w.Unit, g.Activates, w.Activates)
			}
		}
		if !found {
			t.Errorf("%s: not collected", w.Unit)
		}
	}
	for _, g := range n.Snapshot.Systemd.Timers {
		if g.Active == "active" && !shown[g.Unit] {
			t.Errorf("%s: collected as active, systemctl does not show it", g.Unit)
		}
	}
}
