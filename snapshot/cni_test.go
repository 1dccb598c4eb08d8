package snapshot

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseCNI(t *testing.T) {
	const good = `{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {
      "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.2.0/24"}]]},
      "type": "bridge", "bridge": "br1"
    },
    {"type": "portmap", "capabilities": {"portMappings": true, "off": false}}
  ]
}
`
	for _, c := range []struct {
		name, path, content string
		err                 string
		line                int
	}{
		{"list", "a.conflist", good, "", 0},
		{"empty", "a.conflist", "", "is not a JSON object: unexpected end", 1},
		{"cut", "a.conflist", good[:len(good)-6], "unexpected end of JSON input", 9},
		{"comma", "a.conflist", strings.Replace(good, `"name": "pods",`, `"name": "pods"`, 1), "invalid character", 4},
		{"null", "a.conflist", "null", "it is null", 1},
		{"array", "a.conflist", "[1]", "cannot unmarshal", 1},
		{"trailing", "a.conflist", good + "x\n", "after top-level value", 12},
		{"no name", "a.conflist", strings.Replace(good, `"name"`, `"nmae"`, 1), "has no name", 1},
		{"bad name", "a.conflist", strings.Replace(good, `"pods"`, `"po ds"`, 1), `name "po ds" is not allowed`, 3},
		{"no plugins", "a.conflist", strings.Replace(good, `"plugins"`, `"plugin"`, 1), "has no plugins", 1},
		{"plugins not a list", "a.conflist", `{"name":"x","plugins":{}}`, "plugins is not a list", 1},
		{"none", "a.conflist", "{\"name\":\"x\",\n\"plugins\":[]}", "the list of plugins is empty", 2},
		{"no type", "a.conflist", strings.Replace(good, `"type": "portmap"`, `"typ": "portmap"`, 1), "plugin 2 has no type", 9},
		{"single", "a.conf", `{"name":"x","type":"ptp"}`, "", 0},
		{"list in a .conf", "a.conf", good, "belongs in a file that ends in .conflist", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := ParseCNI(Text{Path: "/etc/cni/net.d/" + c.path, Content: c.content})
			if !strings.Contains(f.Error, c.err) || (f.Error == "") != (c.err == "") || f.ErrorLine != c.line {
				t.Errorf("got %q in line %d, want %q in line %d", f.Error, f.ErrorLine, c.err, c.line)
			}
		})
	}
	got := ParseCNI(Text{Path: "a.conflist", Content: good})
	want := []CNIPlugin{
		{Type: "bridge", Line: 7, IPAM: "host-local", Bridge: "br1", Subnets: []string{"10.1.2.0/24"}},
		{Type: "portmap", Line: 9, Capabilities: []string{"portMappings"}},
	}
	if !reflect.DeepEqual(got.Plugins, want) || got.Name != "pods" || got.CNIVersion != "1.0.0" {
		t.Errorf("got %+v", got)
	}
}

func TestParseCNIParts(t *testing.T) {
	list := Text{Path: "a.conflist", Content: `{"name":"x"}`}
	got := ParseCNI(list, Text{Path: "x/1.conf", Content: `{"type":"ptp"}`})
	if got.Error != "" || len(got.Plugins) != 1 || got.Plugins[0].Type != "ptp" {
		t.Errorf("got %+v", got)
	}
}

func FuzzParseCNI(f *testing.F) {
	f.Add("a.conflist", `{"name":"x","plugins":[{"type":"bridge","ipam":{"ranges":[[{"subnet":"::/64"}]]}}]}`)
	f.Add("a.conf", `{"name":"x","type":"ptp","ipam":[]}`)
	f.Fuzz(func(t *testing.T, name, content string) {
		x := ParseCNI(Text{Path: name, Content: content})
		if x.Error == "" && len(x.Plugins) == 0 {
			t.Error("no plugin and no error")
		}
		if x.ErrorLine > 1+strings.Count(content, "\n") {
			t.Errorf("line %d is beyond the file", x.ErrorLine)
		}
	})
}
