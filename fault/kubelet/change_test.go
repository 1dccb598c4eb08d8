package kubelet

import (
	"strings"
	"testing"

	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

func TestWithout(t *testing.T) {
	for _, tc := range []struct{ line, flag, value, want string }{
		{`K="--node-ip=10.0.0.1"`, "node-ip", "10.0.0.1", `K=""`},
		{`K="--a=1 --node-ip=10.0.0.1 --b"`, "node-ip", "10.0.0.1", `K="--a=1 --b"`},
		{`K="--node-ip=10.0.0.1 --node-ip=10.0.0.2"`, "node-ip", "10.0.0.2", `K="--node-ip=10.0.0.1"`},
		{`K="--node-ip=10.0.0.1 --node-ip=10.0.0.2"`, "node-ip", "10.0.0.1", `K="--node-ip=10.0.0.2"`},
		{`K=--max_pods=9`, "max-pods", "9", `K=`},
		{`K="--max-pods 9 --v=2"`, "max-pods", "9", `K="--v=2"`},
		{`K="--fail-swap-on --v=2"`, "fail-swap-on", "true", `K="--v=2"`},
		{`Environment="K=--a --b=2"`, "b", "2", `Environment="K=--a"`},
		{`ExecStart=/usr/bin/kubelet --b=2 \`, "b", "2", `ExecStart=/usr/bin/kubelet\`},
		{`K="--node-ip-x=1"`, "node-ip", "1", ""},
	} {
		got, ok := without(tc.line, tc.flag, tc.value)
		if ok != (tc.want != "") || ok && strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(tc.want, " ", "") {
			t.Errorf("%s without --%s: %s, %v", tc.line, tc.flag, got, ok)
		}
	}
}

// file is a text that may be changed.
func file(path, content string) snapshot.Text {
	return snapshot.Text{Path: path, Content: content, SHA256: op.File{Data: []byte(content)}.Sum()}
}

func TestWant(t *testing.T) {
	const config, env, drop = "/var/lib/kubelet/config.yaml", "/etc/default/kubelet", "/etc/kubernetes/kubelet.conf.d/10.conf"
	k := &snapshot.Kubelet{ConfigPath: config, Files: []snapshot.Text{
		file(config, "kind: KubeletConfiguration\nmaxPods: 5\nclusterDNS:\n- 10.0.0.1\n- 10.0.0.2\nevictionHard:\n  memory.available: 90%\nport: 10250\n"),
		file(env, "KUBELET_EXTRA_ARGS=--max-pods=3\n"),
		file(drop, "kind: KubeletConfiguration\nmaxPods: 4\n"),
	}}
	at := func(value, source string, line int, flag string) snapshot.Origin {
		return snapshot.Origin{Value: value, Source: source, Line: line, Flag: flag}
	}
	for _, tc := range []struct {
		name, key, value string
		e                snapshot.Effective
		want             map[string]string // what becomes of the files; "" is gone
	}{
		{"the file alone", "maxPods", "110", snapshot.Effective{Origin: at("5", config, 2, "")},
			map[string]string{config: "kind: KubeletConfiguration\nmaxPods: 110\nclusterDNS:\n- 10.0.0.1\n- 10.0.0.2\nevictionHard:\n  memory.available: 90%\nport: 10250\n"}},
		{"a flag over a file that is right", "maxPods", "5", snapshot.Effective{Origin: at("3", env, 1, "max-pods"), Overrides: []snapshot.Origin{at("5", config, 2, "")}}, map[string]string{env: ""}},
		{"a flag over a drop-in over the file", "maxPods", "5", snapshot.Effective{Origin: at("3", env, 1, "max-pods"), Overrides: []snapshot.Origin{at("4", drop, 2, ""), at("5", config, 2, "")}},
			map[string]string{env: "", drop: ""}},
		{"the default", "maxPods", "", snapshot.Effective{Origin: at("5", config, 2, "")},
			map[string]string{config: "kind: KubeletConfiguration\nclusterDNS:\n- 10.0.0.1\n- 10.0.0.2\nevictionHard:\n  memory.available: 90%\nport: 10250\n"}},
		{"a list", "clusterDNS", `["10.9.0.1"]`, snapshot.Effective{Origin: at("x", config, 4, "")},
			map[string]string{config: "kind: KubeletConfiguration\nmaxPods: 5\nclusterDNS: [\"10.9.0.1\"]\nevictionHard:\n  memory.available: 90%\nport: 10250\n"}},
		{"a name with a dot", "evictionHard.memory.available", "100Mi", snapshot.Effective{Origin: at("90%", config, 7, "")},
			map[string]string{config: "kind: KubeletConfiguration\nmaxPods: 5\nclusterDNS:\n- 10.0.0.1\n- 10.0.0.2\nevictionHard:\n  memory.available: 100Mi\nport: 10250\n"}},
		{"what is not there", "failCgroupV1", "false", snapshot.Effective{Origin: at("true", "default", 0, "")},
			map[string]string{config: "kind: KubeletConfiguration\nmaxPods: 5\nclusterDNS:\n- 10.0.0.1\n- 10.0.0.2\nevictionHard:\n  memory.available: 90%\nport: 10250\nfailCgroupV1: false\n"}},
	} {
		k.Effective = map[string]snapshot.Effective{tc.key: tc.e}
		plan, err := Want(k, map[string]string{tc.key: tc.value}, "why")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		got := map[string]string{}
		for _, o := range plan {
			switch o := o.(type) {
			case op.WriteFile:
				got[o.Path] = string(o.Data)
			case op.RemoveFile:
				got[o.Path] = ""
			}
		}
		if len(got) != len(tc.want) {
			t.Errorf("%s: %v", tc.name, plan)
		}
		for path, text := range tc.want {
			if got[path] != text {
				t.Errorf("%s: %s becomes %q", tc.name, path, got[path])
			}
		}
		if u, ok := plan[len(plan)-1].(op.Unit); !ok || u.Verb != "restart" {
			t.Errorf("%s: the kubelet is not started anew: %v", tc.name, plan)
		}
	}
}

// A file without which the unit does not start stays, with nothing in it.
func TestWantKeepsWhatTheUnitRequires(t *testing.T) {
	const env, unit = "/etc/default/kubelet", "/etc/systemd/system/kubelet.service"
	for line, gone := range map[string]bool{"EnvironmentFile=-" + env: true, "EnvironmentFile=" + env: false} {
		k := &snapshot.Kubelet{
			Files:     []snapshot.Text{file(env, "KUBELET_EXTRA_ARGS=--max-pods=3\n"), file(unit, "[Service]\n"+line+"\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n")},
			Effective: map[string]snapshot.Effective{"maxPods": {Origin: snapshot.Origin{Value: "3", Source: env, Line: 1, Flag: "max-pods"}}},
		}
		plan, err := Want(k, map[string]string{"maxPods": ""}, "why")
		if err != nil {
			t.Fatal(err)
		}
		if _, removed := plan[0].(op.RemoveFile); removed != gone {
			t.Errorf("%s: %v", line, plan)
		}
	}
}
