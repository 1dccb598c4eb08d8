package nospace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/op"
	"github.com/klustered/klustered/snapshot"
)

// A job is what the drill leaves running: it writes Maps ConfigMaps of Size
// bytes over and over.
type job struct {
	Name, Namespace string
	Maps, Size      int
	Client          string
	Title           string
}

// drill lowers etcd's quota to a little above what it holds, and starts
// something that writes until that is used up.
func drill(s *snapshot.Snapshot, d *fault.Dice) (op.Plan, error) {
	if s.Etcd == nil || s.Etcd.Status == nil || s.Static == nil {
		return nil, errors.New("cannot fill etcd: it does not answer, or its manifest was not read")
	}
	m, c, ok := s.Static.Component("etcd")
	if !ok || !m.Whole() {
		return nil, errors.New("cannot fill etcd: no manifest of this node starts it")
	}
	quota := s.Etcd.Status.DBSize + int64(d.Int(14, 24))<<20
	lowered, err := withQuota(m, quota)
	if err != nil {
		return nil, err
	}
	j := job{
		Name: d.Name(), Namespace: fault.Pick(d, []string{"default", "kube-system", "kube-public"}),
		Maps: d.Int(1, 3), Size: d.Int(450, 700) << 10, Client: fault.Pick(d, []string{"kubectl", "curl"}),
		Title: fault.Pick(d, []string{"inventory", "usage", "capacity", "audit"}) + " report",
	}
	plan, err := j.objects()
	if err != nil {
		return nil, err
	}
	switch d.Int(0, 2) {
	case 0:
		plan = append(plan, j.service(d)...)
	case 1:
		plan = append(plan, j.cron(d)...)
	default:
		plan = append(plan, j.pod(c.Image))
	}
	if last := len(plan) - 1; plan[last].Kind() == "unit" {
		return append(plan[:last], lowered, plan[last]), nil
	}
	return append(plan, lowered), nil
}

var quotaFlag = regexp.MustCompile(`(?m)^(\s*- )["']?--quota-backend-bytes[= ].*$`)

var program = regexp.MustCompile(`(?m)^(\s*- )["']?(?:\S*/)?etcd["']?[ \t]*$`)

// withQuota is the manifest with another quota.
func withQuota(m snapshot.Manifest, quota int64) (op.WriteFile, error) {
	line := fmt.Sprintf("--quota-backend-bytes=%d", quota)
	text := quotaFlag.ReplaceAllString(m.Content, "${1}"+line)
	if !quotaFlag.MatchString(text) {
		at := program.FindStringSubmatchIndex(text)
		if at == nil {
			return op.WriteFile{}, fmt.Errorf("cannot fill etcd: %s does not name its program on a line of its own", m.Path)
		}
		text = text[:at[1]] + "\n" + text[at[2]:at[3]] + line + text[at[1]:]
	}
	return op.WriteFile{
		Path: m.Path, Pin: m.SHA256, Data: []byte(text), Mode: fs.FileMode(m.Mode), UID: int(m.UID), GID: int(m.GID),
		Why: "a quota of " + size(quota),
	}, nil
}

// series are the names of the ConfigMaps.
func (j job) series() []string {
	if j.Maps == 1 {
		return []string{j.Name}
	}
	var out []string
	for i := range j.Maps {
		out = append(out, fmt.Sprintf("%s-%d", j.Name, i+1))
	}
	return out
}

// objects creates the ConfigMaps, small, so that undoing the drill deletes them.
func (j job) objects() (op.Plan, error) {
	plan := op.Plan{op.EtcdRemember{}}
	for _, name := range j.series() {
		body, err := json.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": j.Namespace},
			"data": map[string]any{"report": "none yet"},
		})
		if err != nil {
			return nil, err
		}
		plan = append(plan, op.CreateObject{Path: "/api/v1/namespaces/" + j.Namespace + "/configmaps/" + name, Body: body, Churns: true})
	}
	return plan, nil
}

// script writes the ConfigMaps once, and leaves the loop or ends with an error
// when one is refused.
func (j job) script(refused string) string {
	names := j.Name
	if j.Maps > 1 {
		names = fmt.Sprintf("%s-{1..%d}", j.Name, j.Maps)
	}
	send := `  kubectl --kubeconfig "$conf" replace -f "$dir/o" >/dev/null 2>&1 || ` + refused
	setup := ""
	if j.Client == "curl" {
		setup = `get() { sed -n "s/^ *$1: //p" "$conf" | head -n 1; }
get certificate-authority-data | base64 -d > "$dir/ca"
get client-certificate-data | base64 -d > "$dir/crt"
get client-key-data | base64 -d > "$dir/key"
`
		send = `  curl -sf --cacert "$dir/ca" --cert "$dir/crt" --key "$dir/key" -o /dev/null -X PUT -H 'Content-Type: application/json' \
    --data-binary "@$dir/o" "$(get server)/api/v1/namespaces/` + j.Namespace + `/configmaps/$name" || ` + refused
	}
	return fmt.Sprintf(`# keeps the %s where the dashboards look for it
conf=/etc/kubernetes/admin.conf
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
%swhile :; do
for name in %s; do
  { printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%%s","namespace":"%s"},"data":{"report":"' "$name"
    head -c %d /dev/urandom | base64 -w 0
    printf '"}}'; } > "$dir/o"
%s
done
done
`, j.Title, setup, names, j.Namespace, j.Size, send)
}

const unitDir = "/etc/systemd/system/"

// service runs the script for ever.
func (j job) service(d *fault.Dice) op.Plan {
	script := path.Join(fault.Pick(d, []string{"/usr/local/sbin", "/usr/local/bin", "/usr/local/lib/" + j.Name}), j.Name)
	unit := fmt.Sprintf("[Unit]\nDescription=Publishes the %s\nAfter=kubelet.service\n\n[Service]\nExecStart=/bin/bash %s\nRestart=always\nRestartSec=5\n\n[Install]\nWantedBy=multi-user.target\n", j.Title, script)
	return op.Plan{
		op.WriteFile{Path: script, Data: []byte("#!/bin/bash\n" + j.script("sleep 3")), Mode: 0o755},
		op.ReloadUnits{},
		op.WriteFile{Path: unitDir + j.Name + ".service", Data: []byte(unit), Mode: 0o644},
		op.WriteFile{Path: unitDir + "multi-user.target.wants/" + j.Name + ".service", Link: unitDir + j.Name + ".service", Mode: 0o777},
		op.ReloadUnits{},
		op.Unit{Verb: "start", Name: j.Name + ".service"},
	}
}

// cron runs the script each minute. One that is refused ends at once.
func (j job) cron(d *fault.Dice) op.Plan {
	script := path.Join(fault.Pick(d, []string{"/usr/local/sbin", "/usr/local/bin", "/opt/" + j.Name}), j.Name)
	return op.Plan{
		op.WriteFile{Path: script, Data: []byte("#!/bin/bash\nexec 9>\"/run/lock/${0##*/}\"; flock -n 9 || exit\n" + j.script("exit 1")), Mode: 0o755},
		op.WriteFile{Path: "/etc/cron.d/" + j.Name, Data: []byte("* * * * * root " + script + " >/dev/null 2>&1\n"), Mode: 0o644},
	}
}

// pod runs the script as a static pod with the programs of the node, whatever
// is in the image.
func (j job) pod(image string) op.WriteFile {
	mounts, volumes := "", ""
	for i, m := range [][2]string{{"/usr", "/usr"}, {"/bin", "/usr/bin"}, {"/lib", "/usr/lib"}, {"/lib64", "/usr/lib64"}, {"/etc/kubernetes", "/etc/kubernetes"}} {
		mounts += fmt.Sprintf("    - {name: v%d, mountPath: %s, readOnly: true}\n", i, m[0])
		volumes += fmt.Sprintf("  - {name: v%d, hostPath: {path: %s}}\n", i, m[1])
	}
	text := fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: kube-system
  labels: {app: %s}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers:
  - name: report
    image: %s
    imagePullPolicy: IfNotPresent
    env:
    - {name: PATH, value: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
    command:
    - /usr/bin/bash
    - -c
    - |
%s    volumeMounts:
    - {name: tmp, mountPath: /tmp}
%s  volumes:
  - {name: tmp, emptyDir: {}}
%s`, j.Name, j.Name, image, indent(j.script("sleep 3")), mounts, volumes)
	return op.WriteFile{Path: "/etc/kubernetes/manifests/" + j.Name + ".yaml", Data: []byte(text), Mode: 0o600}
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("      " + line)
	}
	return b.String()
}
