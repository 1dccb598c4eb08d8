package main_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// onNode runs a script of a shell on a node of the lab.
func onNode(t *testing.T, node, script string) string {
	t.Helper()
	return must(t, "lab", "exec", "--name", labName, node, "--", "sh", "-c", script)
}

// The folder to which the hands write, and how a pod does: by the node's own
// shell, since the images of the lab have none.
const (
	target    = "/etc/tidied"
	loader    = "/host/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
	libraries = "/host/usr/lib/x86_64-linux-gnu"
)

// pod is one that runs a command once, and waits.
func pod(name, command string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `","namespace":"kube-system"},"spec":{"hostNetwork":true,"restartPolicy":"Never",
"tolerations":[{"operator":"Exists"}],"volumes":[{"name":"host","hostPath":{"path":"/"}}],"containers":[{"name":"c","image":"klustered.dev/canary:v1",
"securityContext":{"privileged":true},"volumeMounts":[{"name":"host","mountPath":"/host"}],"command":["` + loader + `","--library-path","` + libraries + `","/host/usr/bin/bash","-c",
"` + command + `; ` + loader + ` --library-path ` + libraries + ` /host/usr/bin/sleep 300"]}]}}`
}

const kubectl = "kubectl --kubeconfig /etc/kubernetes/admin.conf "

// hands each write their own word to a file of their own, or to the object,
// within a minute and a half: of two that write to one file at once, nobody can
// say who did it. A script plants one, and says when it acts. Each lives on for
// a moment: without the process connector, which a container is refused, a watch
// says itself that one that ends at once may go unnamed.
var hands = []struct{ word, script, kind, source string }{
	{"timer", `printf '[Timer]\nOnActiveSec=20\nAccuracySec=1s\n' > /etc/systemd/system/tidy.timer
printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo timer > ` + target + `/timer; sleep 0.3"\n' > /etc/systemd/system/tidy.service
systemctl daemon-reload; systemctl start tidy.timer`, "timer", "/etc/systemd/system/tidy.timer"},
	{"path", `printf '[Path]\nPathModified=/etc/trigger\n' > /etc/systemd/system/sweep.path
printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo path > ` + target + `/path; sleep 0.3"\n' > /etc/systemd/system/sweep.service
systemctl daemon-reload; systemctl start sweep.path; (sleep 24; touch /etc/trigger) >/dev/null 2>&1 &`, "path", "/etc/systemd/system/sweep.path"},
	{"generator", `mkdir -p /etc/systemd/system-generators; printf '#!/bin/sh\necho generator > ` + target + `/generator; sleep 0.3\n' > /etc/systemd/system-generators/tidy
chmod +x /etc/systemd/system-generators/tidy; (sleep 28; systemctl daemon-reload) >/dev/null 2>&1 &`, "generator", "/etc/systemd/system-generators/tidy"},
	{"profile", `echo 'echo profile > ` + target + `/profile; sleep 0.3' > /etc/profile.d/tidy.sh; (sleep 32; bash -l -c true; true) >/dev/null 2>&1 &`, "profile", "/etc/profile.d/tidy.sh"},
	{"pod", "(sleep 36; echo '" + pod("agent", "echo pod > /host"+target+"/pod") + "' | " + kubectl + "apply -f -) >/dev/null 2>&1 &", "pod", "kube-system/agent"},
	{"static", "(sleep 52; echo '" + pod("keeper", "echo static > /host"+target+"/static") + "' > /etc/kubernetes/manifests/keeper.yaml) >/dev/null 2>&1 &", "static-pod", "/etc/kubernetes/manifests/keeper.yaml"},
	{"at", `echo 'echo at > ` + target + `/at; sleep 0.3' | at now + 1 minute 2>/dev/null`, "at", "/var/spool/cron/atjobs"},
	{"cron", `echo '* * * * * root sleep 3; echo cron > ` + target + `/cron' > /etc/cron.d/tidy`, "cron.d", "/etc/cron.d/tidy"},
}

// words are those of all hands.
func words() string {
	all := make([]string, len(hands))
	for i, h := range hands {
		all[i] = h.word
	}
	return strings.Join(all, " ")
}

// A deed is what a watch tells of one change.
type deed struct {
	Kind, Diff string
	Hand       struct {
		Known   bool
		Pod     string
		Manager string
	}
	Entries []struct {
		Kind, Source string
		Sure         bool
	}
}

// TestIntegrationHands plants everything that may put a break back, and wants
// each named by a watch: what it is, and where it stands.
func TestIntegrationHands(t *testing.T) {
	needLab(t, 0)
	quiet(t)
	const object = "clusterrole system:node "
	repo := filepath.Join(t.TempDir(), "baseline")
	must(t, "baseline", "capture", "--lab", labName, "--repo", repo)
	onNode(t, "cp1", kubectl+"label "+object+"by=hand; mkdir "+target+"; for f in "+words()+"; do echo good > "+target+"/$f; done")
	must(t, "baseline", "restore", "ClusterRole/system:node", "--apply", "--hold", "0", "--lab", labName, "--repo", repo)
	onNode(t, "cp1", "while [ $(date +%-S) -gt 40 ]; do sleep 1; done") // what acts by the minute finds the watch there
	for _, h := range hands {
		onNode(t, "cp1", h.script)
	}
	operator := strings.ReplaceAll(pod("operator", "/host/usr/bin/kubectl --kubeconfig /host/etc/kubernetes/admin.conf label "+object+"by=hand --field-manager=tidy-operator"), "'", "")
	onNode(t, "cp1", "(sleep 60; echo '"+operator+"' | "+kubectl+"apply -f -) >/dev/null 2>&1 &")
	out, _ := run(t, "guard", "watch", target, "--for", "100s", "--lab", labName, "-o", "json")
	var deeds []deed
	for line := range strings.Lines(out) {
		var d deed
		if err := json.Unmarshal([]byte(line), &d); err == nil && d.Kind != "" {
			deeds = append(deeds, d)
		}
	}
	for _, h := range hands {
		named(t, deeds, h.word, h.kind, h.source)
	}
	for _, d := range deeds {
		if d.Kind == "object" && strings.HasPrefix(d.Hand.Manager, "tidy-operator") {
			return
		}
	}
	errorf(t, "operator: nobody is named for the object, of %d changes", len(deeds))
}

// named wants the deed that wrote word to be laid to that entry, and to no other.
func named(t *testing.T, deeds []deed, word, kind, source string) {
	t.Helper()
	for _, d := range deeds {
		if !strings.Contains(d.Diff, "\n+"+word+"\n") {
			continue
		}
		if len(d.Entries) == 0 || d.Entries[0].Kind != kind || d.Entries[0].Source != source || !d.Hand.Known {
			errorf(t, "%s: the hand is said to be %+v, %+v; want %s %s", word, d.Hand, d.Entries, kind, source)
		}
		return
	}
	errorf(t, "%s: its change was not told, of %d", word, len(deeds))
}
