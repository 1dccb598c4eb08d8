package trail

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/journal/journaltest"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

const auditLine = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","stage":"ResponseComplete","requestURI":"/x","verb":"%s",` +
	`"user":{"username":"%s"},"sourceIPs":["10.0.0.9"],"userAgent":"kubectl/v1.37","objectRef":{"resource":"%s","namespace":"kube-system","name":"coredns","apiGroup":"apps"},` +
	`"responseStatus":{"code":200},"requestObject":{"secret":"hunter2"},"stageTimestamp":"2026-03-04T05:06:07.000000Z",` +
	`"annotations":{"authorization.k8s.io/decision":"allow","mutation.webhook.admission.k8s.io/round_0_index_0":"{\"webhook\":\"evil.example\"}"}}` + "\n"

func audit(verb, user, resource string) string {
	return fmt.Sprintf(auditLine, verb, user, resource)
}

// record is one of utmp(5).
func record(kind int16, at int64, user, line, host string) []byte {
	b := make([]byte, utmpSize)
	binary.LittleEndian.PutUint16(b, uint16(kind))
	binary.LittleEndian.PutUint32(b[4:], 77)
	copy(b[8:40], line)
	copy(b[44:76], user)
	copy(b[76:332], host)
	binary.LittleEndian.PutUint32(b[340:], uint32(at))
	copy(b[348:], []byte{10, 0, 0, 9})
	return b
}

func node(t testing.TB) string {
	t.Helper()
	last := make([]byte, 2*lastSize)
	binary.LittleEndian.PutUint32(last[lastSize:], 1000)
	copy(last[lastSize+4:], "pts/0")
	w := journaltest.NewWriter()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	w.Add(at, "SYSLOG_IDENTIFIER=sudo", "MESSAGE=   eve : TTY=pts/0 ; PWD=/home/eve ; USER=root ; COMMAND=/usr/bin/systemctl mask kubelet")
	w.Add(at, "SYSLOG_IDENTIFIER=su", "MESSAGE=pam_unix(su-l:session): session opened for user root(uid=0) by eve(uid=1000)")
	files := map[string]string{
		"var/log/journal/f/system.journal":       string(w.File()),
		"etc/machine-id":                         "feedface\n",
		"etc/kubernetes/manifests/a.yaml":        "    - --audit-log-path=/var/log/kubernetes/audit.log\n",
		"var/log/kubernetes/audit.log":           audit("get", "eve", "deployments") + audit("patch", "eve", "deployments") + audit("patch", "eve", "deployments") + audit("update", "system:node:cp1", "leases") + "bad\n",
		"var/log/wtmp":                           string(record(2, 900, "reboot", "~", "6.1")) + string(make([]byte, utmpSize)) + string(record(7, 800, "eve", "pts/0", "h")) + "odd",
		"var/log/lastlog":                        string(last),
		"var/log/dpkg.log":                       "2026-03-04 05:06:07 startup archives unpack\n2026-03-04 05:06:08 upgrade kubelet:amd64 1.37.1 1.37.2\n2026-03-04 05:06:09 remove auditd:amd64 3.0 <none>\n",
		"var/log/apt/history.log":                "\nStart-Date: 2026-03-04  05:06:07\nCommandline: apt-get install kubelet\nEnd-Date: 2026-03-04  05:06:08\n",
		"var/log/audit/audit.log":                "type=EXECVE msg=audit(1772600767.123:42): argc=3 a0=\"kill\" a1=\"-9\" a2=6869206D\n" + "type=PATH msg=audit(1772600767.123:42): item=0\n" + "type=USER_CMD msg=audit(1772600768.000:43): pid=1 uid=0 auid=1000 msg='cwd=\"/\" cmd=636861747472202B69 exe=\"/usr/bin/sudo\" res=success'\x1dUID=\"root\"\n",
		"var/log/emptied":                        strings.Repeat("\x00", 70000) + "line\n",
		"etc/systemd/journald.conf":              "[Journal]\n#Storage=auto\nStorage=none\n[X]\nStorage=auto\n",
		"usr/lib/systemd/journald.conf.d/a.conf": "[Journal]\nRateLimitBurst=1\n",
		"etc/systemd/journald.conf.d/a.conf":     "[Journal]\nRateLimitBurst=2\n",
		"etc/rsyslog.d/x.conf":                   ":msg, contains, \"kubelet\" stop\nauth,authpriv.* /var/log/auth.log\nkern.* ~\n",
		"etc/audit/rules.d/a.rules":              "-a never,exit -F exe=/x\n-w /etc -p wa\n-e 2\n",
		"var/log/pods/default_a_u/c/0.log":       "",
	}
	dir := t.TempDir()
	for name, data := range files {
		sourcetest.File(t, dir, name, data, 0o644)
	}
	os.MkdirAll(dir+"/var/log/containers", 0o755)
	os.Symlink("/var/log/pods/default_a_u/c/0.log", dir+"/var/log/containers/good.log")
	os.Symlink("/var/log/pods/gone/0.log", dir+"/var/log/containers/bad.log")
	return dir
}

func collect(t testing.TB) *snapshot.Snapshot {
	t.Helper()
	e := source.New(node(t), false)
	s := &snapshot.Snapshot{}
	for _, c := range Collectors() {
		if err := c.Collect(context.Background(), e, s); err != nil {
			t.Fatal(err)
		}
	}
	if g := e.Gaps(); len(g) != 0 {
		t.Errorf("gaps %v", g)
	}
	return s
}

// TestLongLastlog: a file of gigabytes, nearly all of it a hole, is no gap.
func TestLongLastlog(t *testing.T) {
	dir := node(t)
	if err := os.Truncate(dir+"/var/log/lastlog", lastSize<<32); err != nil {
		t.Skip("the file system holds no such file:", err)
	}
	e, s := source.New(dir, false), &snapshot.Snapshot{}
	if err := collectTrail(context.Background(), e, s); err != nil || len(e.Gaps()) > 0 {
		t.Fatal(err, e.Gaps())
	}
	if x := s.Trail; len(x.Last) != 1 || x.Records[len(x.Records)-1].Size != lastSize<<32 {
		t.Errorf("last %+v, records %+v", x.Last, x.Records)
	}
}

// TestAuditToADevice: an API server that writes its audit log to its output
// has none that could be read.
func TestAuditToADevice(t *testing.T) {
	dir := node(t)
	if err := os.WriteFile(dir+"/etc/kubernetes/manifests/a.yaml", []byte("- --audit-log-path=/dev/stdout\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, l := range auditLogs(source.New(dir, false)) {
		if l.Path == "/dev/stdout" {
			t.Errorf("got %+v", l)
		}
	}
}

func TestTrail(t *testing.T) {
	x := collect(t).Trail
	if len(x.Audit) != 1 || x.Audit[0].Events != 4 || x.Audit[0].Bad != 1 || x.Audit[0].From != "/etc/kubernetes/manifests/a.yaml" {
		t.Errorf("audit %+v", x.Audit)
	}
	if len(x.Changes) != 1 || x.Changes[0].Count != 2 || x.Changes[0].Resource != "apps/deployments" || x.Changes[0].User != "eve" ||
		!strings.Contains(fmt.Sprint(x.Changes[0].Annotations), "evil.example") || strings.Contains(fmt.Sprint(x.Changes), "hunter2") {
		t.Errorf("changes %+v", x.Changes)
	}
	if len(x.Logins) != 2 || x.Logins[0].Kind != "boot" || x.Logins[1].User != "eve" || x.Logins[1].Addr != "10.0.0.9" || x.Logins[1].PID != 77 {
		t.Errorf("logins %+v", x.Logins)
	}
	if r := x.Records[0]; r.Records != 3 || r.Zeroed != 1 || r.Odd != 3 || r.Backward != 1 {
		t.Errorf("records %+v", x.Records)
	}
	if len(x.Last) != 1 || x.Last[0].User != "1" || x.Last[0].Line != "pts/0" {
		t.Errorf("last %+v", x.Last)
	}
	if p := x.Packages; len(p) != 2 || p[0].Package != "kubelet:amd64" || p[0].By != "apt-get install kubelet" || p[0].Line != 2 || p[1].To != "" || p[1].By != "" {
		t.Errorf("packages %+v", p)
	}
	if c := x.Commands; len(c) != 2 || c[0].Command != "/usr/bin/systemctl mask kubelet" || c[0].User != "eve" || c[1].As != "root" {
		t.Errorf("commands %+v", c)
	}
	if k := x.Kernel; len(k) != 2 || k[0].Fields["argv"] != "kill -9 hi m" || k[1].Fields["cmd"] != "chattr +i" || k[1].Fields["exe"] != "/usr/bin/sudo" {
		t.Errorf("kernel %+v", k)
	}
}

func TestJournal(t *testing.T) {
	x := collect(t).Journal
	if x.MachineID != "feedface" || !x.Persistent || len(x.Files) != 1 || x.Files[0].Walked != 2 || x.Sequences[0].Missing != 0 {
		t.Errorf("%+v", x)
	}
	var got []string
	for _, s := range x.Settings {
		got = append(got, fmt.Sprintf("%s:%d %s=%s", s.Path, s.Line, s.Key, s.Value))
	}
	want := []string{"/etc/systemd/journald.conf:3 Storage=none", "/etc/systemd/journald.conf.d/a.conf:2 RateLimitBurst=2",
		`/etc/rsyslog.d/x.conf:1 discard=:msg, contains, "kubelet" stop`, "/etc/rsyslog.d/x.conf:3 discard=kern.* ~",
		"/etc/audit/rules.d/a.rules:1 rule=-a never,exit -F exe=/x", "/etc/audit/rules.d/a.rules:3 rule=-e 2"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("settings\n%s", strings.Join(got, "\n"))
	}
	if len(x.Links) != 1 || x.Links[0].Path != "/var/log/containers/bad.log" {
		t.Errorf("links %+v", x.Links)
	}
	for _, f := range x.Texts {
		if f.Path == "/var/log/emptied" && f.Zeros != 70000 {
			t.Errorf("%+v", f)
		}
	}
}

func FuzzAudit(f *testing.F) {
	f.Add([]byte(audit("patch", "eve", "pods")))
	f.Fuzz(func(t *testing.T, b []byte) { parseAudit(b, 0, &snapshot.AuditLog{}) })
}

func FuzzKernelAudit(f *testing.F) {
	f.Add([]byte("type=EXECVE msg=audit(1772600767.123:42): argc=3 a0=\"kill\" a1=\"-9\" a2=6869206D\n"))
	f.Fuzz(func(t *testing.T, b []byte) { parseKernelAudit(b, 0) })
}

func FuzzUtmp(f *testing.F) {
	f.Add(record(7, 1, "a", "b", "c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseUtmp(b, "/var/log/wtmp")
		parseLastlog(b)
	})
}

func FuzzText(f *testing.F) {
	f.Add("2026-03-04 05:06:08 upgrade kubelet:amd64 1.37.1 1.37.2\n")
	f.Add("[Journal]\nStorage=none\n")
	f.Add("eve : TTY=pts/0 ; PWD=/home/eve ; USER=root ; COMMAND=/bin/true")
	f.Fuzz(func(t *testing.T, s string) {
		parseDpkg(s, 1)
		parseApt(s)
		parseJournald("", s)
		parseRsyslog("", s)
		parseAuditRules("", s)
		parseCommand(s)
	})
}

// TestDenied: of SELinux's records the rights stand in no key.
func TestDenied(t *testing.T) {
	list := parseKernelAudit([]byte(`type=AVC msg=audit(1772600767.123:42): avc:  denied  { read open } for  pid=9 comm="etcd" name="db" scontext=a:b:c tcontext=d:e:f tclass=file permissive=0`+"\n"+
		`type=AVC msg=audit(1772600767.124:43): avc:  granted  { read } for  pid=9 comm="etcd" scontext=a:b:c`+"\n"), 0)
	if len(list) != 2 || list[0].Fields["denied"] != "read open" || list[0].Fields["comm"] != "etcd" || list[1].Fields["denied"] != "" {
		t.Errorf("%+v", list)
	}
}
