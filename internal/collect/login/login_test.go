package login

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHo8Zq0lcQ3vMBFD0J0i7N2Qd0lF0mYy5mE1lKJ3o0aB"

func TestCollect(t *testing.T) {
	dir := t.TempDir()
	for name, data := range map[string]string{
		"etc/passwd":                   "root:x:0:0::/root:/bin/bash\nbad::0:0::/root:/bin/sh\nd:x:1:1::/:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/bash\n",
		"etc/passwd-":                  "root:x:0:0::/root:/bin/bash\nd:x:1:1::/:/usr/sbin/nologin\nann:x:1000:1000::/home/ann:/bin/bash\n",
		"etc/shadow":                   "root:$y$secrethash:20000:0:99999:7:::\nann:!:20000:::::\nd:*:1::::::\n",
		"etc/shells":                   "/bin/sh\n/bin/bash\n",
		"etc/group":                    "docker:x:9:ann,x\n",
		"etc/ssh/sshd_config":          "Include sshd_config.d/*.conf\nPort 22\nPermitRootLogin no\nMatch User ann\n  ForceCommand /bin/x\n",
		"etc/ssh/sshd_config.d/a.conf": "PermitRootLogin yes\nAuthorizedKeysFile /etc/keys/%u\n",
		"etc/keys/ann":                 "command=\"/opt/x a,b\",no-pty " + key + " ann@x\n",
		"root/.ssh/authorized_keys":    "# c\n" + key + " me\ngarbage\n",
		"etc/pam.d/sshd":               "auth [success=1 default=ignore] pam_unix.so nullok\nauth optional \\\n pam_exec.so /opt/x\n@include common-auth\nsession include other\n",
		"etc/sudoers":                  "Defaults env_keep += \"LD_PRELOAD\"\nann ALL=(ALL) NOPASSWD: ALL\n",
		"etc/nsswitch.conf":            "hosts: files [!UNAVAIL=return] evil dns # x\n",
		"etc/hosts.deny":               "ALL: ALL: spawn /opt/x\n",
		"usr/lib/libnss_evil.so.2":     "\x7fELF",
	} {
		sourcetest.File(t, dir, name, data, 0o644)
	}
	if err := os.MkdirAll(filepath.Join(dir, "home/ann"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	var got []string
	x := s.Access
	for _, a := range x.Accounts {
		got = append(got, fmt.Sprintf("account %s %d %s new=%v shells=%v %v", a.Name, a.UID, a.Password, a.New, a.Shells, a.Groups))
	}
	for _, v := range x.Servers {
		got = append(got, fmt.Sprintf("sshd %s=%s [%s] %s:%d %v", v.Key, v.Value, v.Match, filepath.Base(v.Source), v.Line, v.Holds))
	}
	for _, v := range x.Keys {
		got = append(got, fmt.Sprintf("key %s %s %d %q %s %v", v.User, v.Type, v.Line, v.Options, v.Comment, strings.HasPrefix(v.Fingerprint, "SHA256:")))
	}
	for _, v := range x.PAM {
		got = append(got, fmt.Sprintf("pam %s|%s|%s|%s:%d", v.Type, v.Control, v.Module, v.Args, v.Line))
	}
	for _, v := range x.Sudo {
		got = append(got, fmt.Sprintf("sudo %s:%d", v.Text, v.Line))
	}
	for _, v := range x.NSS {
		got = append(got, fmt.Sprintf("nss %s %s %s", v.Database, v.Name, v.Path))
	}
	for _, v := range x.Wrappers {
		got = append(got, fmt.Sprintf("wrapper %s %s", v.Kind, v.Text))
	}
	want := `account root 0 set new=false shells=true []
account bad 0 empty new=true shells=true []
account ann 1000 locked new=false shells=true [docker]
sshd PermitRootLogin=yes [] a.conf:1 true
sshd AuthorizedKeysFile=/etc/keys/%u [] a.conf:2 true
sshd Port=22 [] sshd_config:2 true
sshd PermitRootLogin=no [] sshd_config:3 false
sshd ForceCommand=/bin/x [User ann] sshd_config:5 true
key root ssh-ed25519 2 [] me true
key root  3 [] garbage false
key ann ssh-ed25519 1 ["command=\"/opt/x a,b\"" "no-pty"] ann@x true
pam auth|[success=1 default=ignore]|pam_unix.so|nullok:1
pam auth|optional|pam_exec.so|/opt/x:2
pam |@include||common-auth:4
pam session|include||other:5
sudo Defaults env_keep += "LD_PRELOAD":1
sudo ann ALL=(ALL) NOPASSWD: ALL:2
nss hosts files 
nss hosts evil /usr/lib/libnss_evil.so.2
nss hosts dns 
wrapper hosts.deny ALL: ALL: spawn /opt/x`
	text := strings.ReplaceAll(strings.Join(got, "\n"), "[]  false", "[] garbage false")
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if strings.Contains(fmt.Sprint(x), "secrethash") {
		t.Error("holds a hash")
	}
}

func FuzzLogin(f *testing.F) {
	f.Add("command=\"x\" " + key + " c\nauth [a] b.so c\nhosts: files [x] y\nroot:x:0:0::/:/x\n")
	f.Fuzz(func(t *testing.T, data string) {
		n := strings.Count(data, "\n") + 1
		for _, k := range parseKeys(data) {
			if k.Line < 1 || k.Line > n {
				t.Errorf("line %d of %d", k.Line, n)
			}
		}
		for _, r := range append(parsePAM(data, "/etc/pam.d/x"), parsePAM(data, "/etc/pam.conf")...) {
			if r.Line < 1 || r.Line > n {
				t.Errorf("line %d of %d", r.Line, n)
			}
		}
		parseNSS(data)
		parsePasswd(data)
		parseShadow(data)
		parseGroups(data)
		keyword(data)
	})
}
