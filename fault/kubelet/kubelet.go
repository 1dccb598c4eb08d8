// Package kubelet tells, changes and provokes the settings of a kubelet,
// wherever they stand: in its configuration, a drop-in, an environment file or
// its unit.
package kubelet

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/finding"
	"github.com/klustered/klustered/snapshot"
)

// Unit is the unit that runs the kubelet.
const Unit = "kubelet.service"

// Up reports whether the kubelet runs and says that it is well: what it was
// started with, it has taken.
func Up(k *snapshot.Kubelet) bool { return strings.TrimSpace(k.Healthz) == "ok" }

// Read reports whether the configuration was read. Where it was not, or where
// the unit starts something that is no kubelet, nothing follows from a setting
// that seems to have its default.
func Read(k *snapshot.Kubelet) bool {
	if x := k.Start; x != nil && !k.Running && !slices.ContainsFunc(x.Words, func(w snapshot.Word) bool { return strings.Contains(w.Text, "kubelet") }) {
		return false
	}
	return (k.ConfigErr == "" || strings.Contains(k.ConfigErr, "already defined")) && k.Absent["--config"] == ""
}

// File returns one of the files that the settings are read from.
func File(k *snapshot.Kubelet, path string) (snapshot.Text, bool) {
	for _, t := range k.Files {
		if t.Path == path {
			return t, true
		}
	}
	if k.Config != nil && k.Config.Path == path {
		return *k.Config, true
	}
	return snapshot.Text{}, false
}

// Line quotes a line of one of those files, or says words where it cannot.
func Line(k *snapshot.Kubelet, path string, line int, words string) string {
	t, _ := File(k, path)
	if text := strings.TrimSpace(t.LineAt(line)); text != "" && line > 0 {
		return clip(text)
	}
	return clip(words)
}

func clip(s string) string {
	const most = 240
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " ..."
}

// Says is how a setting is written where it stands: as a flag or as a field.
func Says(key string, o snapshot.Origin) string {
	switch {
	case o.Flag != "":
		return "--" + o.Flag + "=" + pair(key) + o.Value
	case strings.HasPrefix(key, "--"):
		return key + "=" + o.Value
	}
	return key + ": " + o.Value
}

// pair is what stands before the value in a flag of several names.
func pair(key string) string {
	of, name, _ := strings.Cut(key, ".")
	switch of {
	case "evictionHard", "evictionSoft":
		return name + "<"
	case "systemReserved", "kubeReserved", "featureGates", "evictionMinimumReclaim", "evictionSoftGracePeriod":
		return name + "="
	}
	return ""
}

// Where names the place of a setting.
func Where(o snapshot.Origin) string {
	switch {
	case o.Source == "default":
		return "the default"
	case o.Source == "argv":
		return "the running kubelet's arguments"
	case o.Line > 0:
		return o.Source + ":" + strconv.Itoa(o.Line)
	}
	return o.Source
}

// Facts quote the place that sets key, and those that it wins over.
func Facts(k *snapshot.Kubelet, key, want string) []finding.Fact {
	e, ok := k.Effective[key]
	if !ok {
		return nil
	}
	facts := []finding.Fact{{Source: e.Source, Line: e.Line, Got: Says(key, e.Origin), Want: want}}
	for _, o := range e.Overrides {
		facts = append(facts, finding.Fact{Source: o.Source, Line: o.Line, Got: Says(key, o) + ", which does not hold: " + Where(e.Origin) + " wins"})
	}
	return facts
}

// Set reports whether something other than the release's defaults sets key.
func Set(k *snapshot.Kubelet, key string) bool {
	e, ok := k.Effective[key]
	return ok && e.Source != "default" && e.Source != ""
}

// List is the value of a setting that is a list.
func List(k *snapshot.Kubelet, key string) []string {
	var out []string
	_ = json.Unmarshal([]byte(k.Effective[key].Value), &out)
	return out
}

// Table is what the kubelet's release knows. Exact is false where the version
// was not read from the program itself, or there is no table of it.
func Table(k *snapshot.Kubelet) (c *component.Component, exact bool) {
	c, ok := component.Of("kubelet", k.Version)
	return c, ok && c.Exact && k.Version != ""
}

// Next are the words with which the kubelet is started next, or, where no unit
// is known, those of the running one.
func Next(k *snapshot.Kubelet) []snapshot.Word {
	if k.Start != nil && len(k.Start.Words) > 1 {
		return k.Start.Words[1:]
	}
	var out []snapshot.Word
	for i, a := range k.Args {
		if i > 0 {
			out = append(out, snapshot.Word{Text: a, Source: "argv"})
		}
	}
	return out
}

// Logged quotes what the kubelet said of late under one of the IDs of the log
// reader, where its words hold one of the words asked for.
func Logged(s *snapshot.Snapshot, within time.Duration, ids []string, words ...string) []finding.Fact {
	if s.Logs == nil {
		return nil
	}
	var out []finding.Fact
	for _, id := range ids {
		for _, o := range s.Logs.Seen(id, s.At, within) {
			says := len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(o.Sample, w) })
			if says && strings.Contains(o.Source, "kubelet") {
				out = append(out, finding.Fact{Source: o.Source, Got: clip(strings.TrimSpace(o.Sample)), At: o.Last})
			}
		}
	}
	return out
}

// Exits quotes why the kubelet says it ends, where its words hold one of the
// words asked for.
func Exits(s *snapshot.Snapshot, words ...string) []finding.Fact {
	return Logged(s, 5*time.Minute, []string{"kubelet-exits"}, words...)
}

// Commands show the settings of the kubelet by hand.
func Commands(more ...string) []string {
	return append(more, "systemctl cat kubelet", "journalctl -u kubelet -n 30 --no-pager")
}
