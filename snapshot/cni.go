package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// ParseCNI reads a network configuration as libcni does: as a list when its
// name ends in .conflist, as a single plugin when it ends in .conf or .json.
// It fills Error and
// ErrorLine when libcni, or the first attachment of a pod, would refuse it.
// A list without plugins of its own has those of parts, the files of the
// folder beside it that has the network's name.
func ParseCNI(t Text, parts ...Text) CNIFile {
	f := CNIFile{Text: t}
	top, err := jsonObject([]byte(t.Content), 0)
	if err != nil {
		f.refuse(errorOffset(err, t.Content), "is not a JSON object: %v", err)
		return f
	}
	if v, ok := top["cniVersion"]; ok && json.Unmarshal(v.raw, &f.CNIVersion) != nil {
		f.refuse(v.offset, "cniVersion is not a string")
	}
	switch name, ok := top["name"]; {
	case !ok:
		f.refuse(0, "has no name")
	case json.Unmarshal(name.raw, &f.Name) != nil:
		f.refuse(name.offset, "name is not a string")
	case !cniName.MatchString(f.Name):
		f.refuse(name.offset, "name %q is not allowed", f.Name)
	}
	if !isList(t.Path, top) {
		f.plugin(jsonValue{raw: []byte(t.Content)}, 1)
		return f
	}
	f.list(top, parts)
	return f
}

// isList reports whether the file is read as a list. One that libcni does not
// read, such as a file put aside under another name, is what it looks like.
func isList(name string, top map[string]jsonValue) bool {
	switch path.Ext(name) {
	case ".conflist":
		return true
	case ".conf", ".json":
		return false
	}
	_, ok := top["plugins"]
	return ok
}

// cniName is what libcni allows as the name of a network.
var cniName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// refuse records the first reason why f does not load.
func (f *CNIFile) refuse(offset int, format string, args ...any) {
	if f.Error == "" {
		f.Error, f.ErrorLine = fmt.Sprintf(format, args...), f.lineOf(offset)
	}
}

func (f *CNIFile) lineOf(offset int) int {
	return 1 + strings.Count(f.Content[:min(max(offset, 0), len(f.Content))], "\n")
}

func (f *CNIFile) list(top map[string]jsonValue, parts []Text) {
	v, ok := top["plugins"]
	if !ok {
		for _, p := range parts {
			x := ParseCNI(Text{Path: path.Join(path.Dir(p.Path), "part.conf"), Content: p.Content})
			if len(x.Plugins) == 0 {
				f.refuse(0, "%s, a part of it, does not load", p.Path)
			}
			f.Plugins = append(f.Plugins, x.Plugins...)
		}
		if len(f.Plugins) == 0 {
			f.refuse(0, "has no plugins")
		}
		return
	}
	items, err := jsonArray(v.raw, v.offset)
	switch {
	case err != nil:
		f.refuse(v.offset, "plugins is not a list")
	case len(items) == 0:
		f.refuse(v.offset, "the list of plugins is empty")
	}
	for i, x := range items {
		f.plugin(x, i+1)
	}
}

// plugin adds plugin number n.
func (f *CNIFile) plugin(v jsonValue, n int) {
	keys, err := jsonObject(v.raw, v.offset)
	if err != nil {
		f.refuse(v.offset, "plugin %d is not an object", n)
		return
	}
	var x struct {
		Type         string          `json:"type"`
		Bridge       string          `json:"bridge"`
		Capabilities map[string]bool `json:"capabilities"`
		IPAM         json.RawMessage `json:"ipam"`
	}
	if err := json.Unmarshal(v.raw, &x); err != nil {
		f.refuse(v.offset, "plugin %d: %v", n, err)
		return
	}
	if x.Type == "" {
		hint := ""
		if _, ok := keys["plugins"]; ok {
			hint = ": a list belongs in a file that ends in .conflist"
		}
		f.refuse(v.offset, "plugin %d has no type%s", n, hint)
		return
	}
	p := CNIPlugin{Type: x.Type, Line: f.lineOf(keys["type"].offset), Bridge: x.Bridge}
	if x.Type == "bridge" && x.Bridge == "" {
		p.Bridge = "cni0" // the plugin's default
	}
	for name, on := range x.Capabilities {
		if on {
			p.Capabilities = append(p.Capabilities, name)
		}
	}
	slices.Sort(p.Capabilities)
	p.ipam(x.IPAM)
	f.Plugins = append(f.Plugins, p)
}

// ipam reads the address management of a plugin; plugins know forms of their
// own, so what does not fit is left out.
func (p *CNIPlugin) ipam(raw []byte) {
	var x struct {
		Type   string `json:"type"`
		Subnet string `json:"subnet"`
		Ranges [][]struct {
			Subnet string `json:"subnet"`
		} `json:"ranges"`
	}
	_ = json.Unmarshal(raw, &x)
	p.IPAM = x.Type
	if x.Subnet != "" {
		p.Subnets = append(p.Subnets, x.Subnet)
	}
	for _, set := range x.Ranges {
		for _, r := range set {
			if r.Subnet != "" {
				p.Subnets = append(p.Subnets, r.Subnet)
			}
		}
	}
}

// A jsonValue is a value and where it begins in the file.
type jsonValue struct {
	raw    []byte
	offset int
}

// jsonObject splits an object that begins at offset into its values.
func jsonObject(raw []byte, offset int) (map[string]jsonValue, error) {
	var any map[string]json.RawMessage
	if err := json.Unmarshal(raw, &any); err != nil {
		return nil, err
	}
	if any == nil {
		return nil, errors.New("it is null")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	out := map[string]jsonValue{}
	for _, err := d.Token(); err == nil && d.More(); {
		var key json.Token
		if key, err = d.Token(); err != nil {
			return nil, err
		}
		v, err := nextValue(d, offset)
		if err != nil {
			return nil, err
		}
		name, _ := key.(string)
		out[name] = v
	}
	return out, nil
}

// jsonArray splits an array that begins at offset into its values.
func jsonArray(raw []byte, offset int) ([]jsonValue, error) {
	var any []json.RawMessage
	if err := json.Unmarshal(raw, &any); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	var out []jsonValue
	for _, err := d.Token(); err == nil && d.More(); {
		v, err := nextValue(d, offset)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func nextValue(d *json.Decoder, offset int) (jsonValue, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return jsonValue{}, err
	}
	return jsonValue{raw, offset + int(d.InputOffset()) - len(raw)}, nil
}

// errorOffset is where in content a JSON error stands.
func errorOffset(err error, content string) int {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if int(syntax.Offset) >= len(content) {
			return len(strings.TrimRight(content, "\n"))
		}
		return int(syntax.Offset) - 1
	}
	return 0
}
