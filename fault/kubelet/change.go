package kubelet

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klustered/klustered/component"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A draft is files as a plan leaves them.
type draft struct {
	k     *snapshot.Kubelet
	order []string
	now   map[string]string
	gone  map[string]bool
}

func newDraft(k *snapshot.Kubelet) *draft {
	return &draft{k: k, now: map[string]string{}, gone: map[string]bool{}}
}

// open returns the lines of a file as the draft has them.
func (d *draft) open(name string) ([]string, error) {
	if text, ok := d.now[name]; ok {
		return strings.Split(text, "\n"), nil
	}
	t, ok := File(d.k, name)
	switch {
	case !ok:
		return nil, fmt.Errorf("cannot change %s: it was not read", name)
	case !t.Whole():
		return nil, fmt.Errorf("cannot change %s: its content was not read whole", name)
	}
	return strings.Split(t.Content, "\n"), nil
}

func (d *draft) write(name string, lines []string) {
	if _, ok := d.now[name]; !ok {
		d.order = append(d.order, name)
	}
	d.now[name] = strings.Join(lines, "\n")
}

// plan writes the files of the draft and starts the kubelet with them.
func (d *draft) plan(why string) op.Plan {
	var plan op.Plan
	for _, name := range d.order {
		t, _ := File(d.k, name)
		pin := op.File{Data: []byte(t.Content)}.Sum()
		if d.gone[name] {
			plan = append(plan, op.RemoveFile{Path: name, Pin: pin, Why: why})
			continue
		}
		if d.now[name] == t.Content {
			continue
		}
		plan = append(plan, op.WriteFile{Path: name, Pin: pin, Data: []byte(d.now[name]), Mode: fs.FileMode(t.Mode), UID: int(t.UID), GID: int(t.GID), Why: why})
	}
	return append(plan, Restart()...)
}

// Restart plans that the kubelet starts with what its files say now.
func Restart() op.Plan {
	return op.Plan{op.ReloadUnits{}, op.Unit{Verb: "restart", Name: Unit}}
}

// Want plans that each setting of values, by its key, holds from the next
// start of the kubelet, which the plan makes. Flags go, since they win over
// the configuration file; in that one the value is written. "" means that the
// default holds.
func Want(k *snapshot.Kubelet, values map[string]string, why string) (op.Plan, error) {
	d := newDraft(k)
	for _, key := range ordered(k, values) {
		if err := d.want(key, values[key]); err != nil {
			return nil, err
		}
	}
	return d.plan(why), nil
}

// ordered are the keys, those that stand last in a file first, so that the
// lines of the others stay where they are.
func ordered(k *snapshot.Kubelet, values map[string]string) []string {
	var keys []string
	for key := range values {
		keys = append(keys, key)
	}
	order.By(keys, func(a, b string) int {
		if x, y := k.Effective[a].Line, k.Effective[b].Line; x != y {
			return y - x
		}
		return strings.Compare(a, b)
	})
	return keys
}

// want walks from the strongest place of a setting to the weakest, until the
// value holds.
func (d *draft) want(key, value string) error {
	e := d.k.Effective[key]
	for _, o := range append([]snapshot.Origin{e.Origin}, e.Overrides...) {
		if same(o.Value, value) && value != "" && o.Source != "" {
			return nil
		}
		switch {
		case o.Source == "default" || o.Source == "":
			continue
		case o.Source == "argv":
			continue // nothing writes it any more: the next start is without it
		case o.Flag != "":
			if err := d.dropFlag(o); err != nil {
				return err
			}
		case o.Source == d.k.ConfigPath && value != "":
			return d.setField(o, key, value)
		default:
			if err := d.dropField(o, key); err != nil {
				return err
			}
		}
	}
	if value == "" || same(defaultOf(d.k, key), value) {
		return nil
	}
	return d.addField(key, value)
}

func same(a, b string) bool {
	return a == b || strings.EqualFold(a, b) && (strings.EqualFold(a, "true") || strings.EqualFold(a, "false"))
}

// defaultOf is what holds where nothing sets key.
func defaultOf(k *snapshot.Kubelet, key string) string {
	raw, ok := component.SchemaOf(k.Version).Default("KubeletConfiguration", key)
	var text string
	if ok && json.Unmarshal([]byte(raw), &text) == nil {
		return text
	}
	return raw
}

// dropFlag takes a flag, with its value, out of the line that writes it. A
// file that then sets nothing goes.
func (d *draft) dropFlag(o snapshot.Origin) error {
	lines, err := d.open(o.Source)
	if err != nil {
		return err
	}
	for i := o.Line - 1; i >= 0 && i < len(lines); i++ {
		left, ok := without(lines[i], o.Flag, o.Value)
		if o.Flag == "" {
			left, ok = withoutWord(lines[i], o.Value)
		}
		if ok {
			lines[i] = left
			d.write(o.Source, lines)
			d.gone[o.Source] = idle(lines) && strings.HasPrefix(o.Source, "/etc/") && !d.required(o.Source)
			return nil
		}
		if !strings.HasSuffix(strings.TrimSpace(lines[i]), `\`) {
			break
		}
	}
	return fmt.Errorf("cannot take %s out of %s:%d: the line does not name it", Says("", o), o.Source, o.Line)
}

// required reports whether a unit does not start without a file of variables.
func (d *draft) required(name string) bool {
	return slices.ContainsFunc(d.k.Files, func(t snapshot.Text) bool {
		return slices.ContainsFunc(t.Lines(), func(l string) bool {
			key, value, _ := strings.Cut(l, "=")
			return strings.TrimSpace(key) == "EnvironmentFile" && strings.Trim(strings.TrimSpace(value), `"`) == name
		})
	})
}

// without takes a flag and its value out of a line: the last one of that name
// that has the value, or the last one.
func without(line, flag, value string) (string, bool) {
	from, stop := -1, 0
	for at := 0; at < len(line); at++ {
		end, is := flagAt(line, at, flag)
		if !is {
			continue
		}
		if from < 0 || strings.HasSuffix(line[at:end], value) || !strings.HasSuffix(line[from:stop], value) {
			from, stop = at, end
		}
		at = end - 1
	}
	if from < 0 {
		return line, false
	}
	before, after := strings.TrimRight(line[:from], " \t"), strings.TrimLeft(line[stop:], " \t")
	if before != "" && after != "" && !strings.ContainsAny(after[:1], "\"'\\") && !strings.ContainsAny(before[len(before)-1:], "\"'=") {
		before += " "
	}
	return before + after, true
}

// flagAt reports whether the flag stands at a place of a line, and where it
// ends with its value.
func flagAt(line string, at int, flag string) (end int, ok bool) {
	rest := line[at:]
	if !strings.HasPrefix(rest, "--") || at > 0 && !strings.ContainsRune(" \t\"'=", rune(line[at-1])) {
		return 0, false
	}
	stop := wordEnd(rest, 0)
	if i := strings.IndexByte(rest[:stop], '='); i >= 0 {
		stop = i
	}
	if strings.ReplaceAll(rest[2:stop], "_", "-") != flag {
		return 0, false
	}
	value := strings.TrimLeft(rest[stop:], " \t")
	switch {
	case strings.HasPrefix(rest[stop:], "="):
		stop = wordEnd(rest, stop)
	case takesValue(flag) && len(value) < len(rest)-stop && value != "" && !strings.ContainsAny(value[:1], "-\"'\\"):
		stop = wordEnd(rest, len(rest)-len(value))
	}
	return at + stop, true
}

// withoutWord takes a word that is no flag out of a line.
func withoutWord(line, word string) (string, bool) {
	for _, end := range []string{" ", "\"", "'", ""} {
		before, after, ok := strings.Cut(line+end, " "+word+end)
		if ok && (end != "" || after == "") {
			return strings.TrimSuffix(before+end+after, end), true
		}
	}
	return line, false
}

func wordEnd(s string, from int) int {
	if i := strings.IndexAny(s[from:], " \t\"'"); i >= 0 {
		return from + i
	}
	return len(s)
}

func takesValue(flag string) bool {
	c, _ := component.Of("kubelet", "")
	f, ok := c.Flag(flag)
	return !ok || f.Bare == ""
}

// idle reports whether nothing but headers, comments and empty assignments is
// left of an environment file or a drop-in.
func idle(lines []string) bool {
	for _, l := range lines {
		l = strings.Trim(strings.TrimSpace(l), `"'`)
		if l != "" && l[0] != '#' && l[0] != ';' && l[0] != '[' && !strings.HasSuffix(strings.TrimRight(l, `"'`), "=") {
			return false
		}
	}
	return true
}

// setField writes a value in the place of the one that the file has.
func (d *draft) setField(o snapshot.Origin, key, value string) error {
	lines, err := d.open(o.Source)
	if err != nil {
		return err
	}
	from, to, indent, err := span(lines, o.Line, key)
	if err != nil {
		return fmt.Errorf("cannot change %s: %w", o.Source, err)
	}
	d.write(o.Source, slices.Replace(lines, from, to, field(indent, last(key), value)))
	return nil
}

// dropField takes a setting out of a file.
func (d *draft) dropField(o snapshot.Origin, key string) error {
	lines, err := d.open(o.Source)
	if err != nil {
		return err
	}
	from, to, _, err := span(lines, o.Line, key)
	if err != nil {
		return fmt.Errorf("cannot change %s: %w", o.Source, err)
	}
	lines = slices.Delete(lines, from, to)
	d.write(o.Source, lines)
	d.gone[o.Source] = o.Source != d.k.ConfigPath && bare(lines)
	return nil
}

// bare reports whether a configuration says no more than what it is.
func bare(lines []string) bool {
	return !slices.ContainsFunc(lines, func(l string) bool {
		l = strings.TrimSpace(l)
		return l != "" && l[0] != '#' && l != "---" && !strings.HasPrefix(l, "apiVersion:") && !strings.HasPrefix(l, "kind:")
	})
}

// span finds the lines of a field by the line of its value: the key stands
// there or, for a list in lines of its own, above it.
func span(lines []string, line int, key string) (from, to int, indent string, err error) {
	name := last(key)
	for from = line - 1; from >= 0 && from < len(lines); from-- {
		text := strings.TrimLeft(lines[from], " ")
		if strings.HasPrefix(text, name+":") || strings.HasPrefix(text, `"`+name+`":`) {
			if strings.HasPrefix(text, `"`) || strings.ContainsAny(lines[line-1], "{}") {
				return 0, 0, "", fmt.Errorf("line %d holds more than %s", line, name)
			}
			indent = lines[from][:len(lines[from])-len(text)]
			for to = from + 1; to < len(lines) && belongs(lines[to], indent); to++ {
			}
			return from, to, indent, nil
		}
		if from < line-1 && !strings.HasPrefix(text, "-") && !strings.HasPrefix(text, "#") {
			break
		}
	}
	return 0, 0, "", fmt.Errorf("line %d does not set %s", line, name)
}

// belongs reports whether a line goes on with a field of that indentation.
func belongs(line, indent string) bool {
	text := strings.TrimLeft(line, " ")
	deep := len(line) - len(text)
	return text != "" && (deep > len(indent) || deep == len(indent) && strings.HasPrefix(text, "- "))
}

// last is the name of a setting's own field: those of maps have dots.
func last(key string) string {
	for _, of := range maps {
		if name, ok := strings.CutPrefix(key, of); ok {
			return name
		}
	}
	return key[strings.LastIndexByte(key, '.')+1:]
}

// maps are settings whose fields are names with dots.
var maps = []string{"evictionHard.", "evictionSoft.", "evictionSoftGracePeriod.", "evictionMinimumReclaim."}

// field writes one field.
func field(indent, name, value string) string { return indent + name + ": " + Scalar(value) }

// Scalar writes a value in YAML: text that reads as something else in quotes.
func Scalar(value string) string {
	if value == "" || strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") {
		if value == "" {
			return `""`
		}
		return value
	}
	if strings.ContainsAny(value, ":#%,\"'&*!|>@`") && !strings.HasPrefix(value, "/") || strings.HasSuffix(value, "%") {
		return `"` + value + `"`
	}
	return value
}

// addField appends a setting that the configuration file does not have.
func (d *draft) addField(key, value string) error {
	if d.k.ConfigPath == "" || strings.HasPrefix(key, "--") {
		return fmt.Errorf("cannot set %s: the kubelet has no configuration file", key)
	}
	lines, err := d.open(d.k.ConfigPath)
	if err != nil {
		return err
	}
	top, _, nested := strings.Cut(key, ".")
	if nested && slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, top+":") }) {
		return fmt.Errorf("cannot set %s: %s has other settings of %s", key, d.k.ConfigPath, top)
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	d.write(d.k.ConfigPath, append(append(lines, nest(key, value)...), ""))
	return nil
}

// nest writes a setting by the fields of its path.
func nest(key, value string) []string {
	var out []string
	parts := strings.Split(key, ".")
	if name := last(key); strings.Contains(name, ".") {
		parts = []string{strings.TrimSuffix(key, "."+name), name}
	}
	for i, p := range parts {
		indent := strings.Repeat("  ", i)
		if i == len(parts)-1 {
			return append(out, field(indent, p, value))
		}
		out = append(out, indent+p+":")
	}
	return out
}

// Drop plans that the kubelet is started without these words: flags with
// their values or, where Flag is empty, the word that is Value.
func Drop(k *snapshot.Kubelet, words []snapshot.Origin, why string) (op.Plan, error) {
	d := newDraft(k)
	for _, o := range words {
		if o.Source == "argv" {
			continue
		}
		if err := d.dropFlag(o); err != nil {
			return nil, err
		}
	}
	return d.plan(why), nil
}

// Edit plans another content for one of the kubelet's files, and its restart.
func Edit(k *snapshot.Kubelet, name, content, why string) (op.Plan, error) {
	d := newDraft(k)
	if _, err := d.open(name); err != nil {
		return nil, err
	}
	d.write(name, strings.Split(content, "\n"))
	return d.plan(why), nil
}

// dir is where an administrator's drop-ins of the unit stand.
var dir = path.Join("/etc/systemd/system", Unit+".d")
