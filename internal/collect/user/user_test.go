package user

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
	"github.com/klustered/klustered/snapshot"
)

func collected(t *testing.T) *snapshot.Users {
	t.Helper()
	a, err := txtar.ParseFile("testdata/node.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		sourcetest.File(t, dir, f.Name, string(f.Data), 0o755)
	}
	s := &snapshot.Snapshot{}
	if err := collect(context.Background(), source.New(dir, false), s); err != nil {
		t.Fatal(err)
	}
	return s.Users
}

func TestUsers(t *testing.T) {
	u := collected(t)
	var got []string
	for _, x := range u.List {
		text := fmt.Sprintf("%s %d %s %q listed=%v login=%v", x.Name, x.UID, x.Shell, x.Plain, x.Listed, x.Login != nil)
		if x.Shadow != nil {
			text += fmt.Sprintf(" %s:%d@%d", x.Shadow.Status, x.Shadow.Line, x.Shadow.Changed)
		}
		got = append(got, text)
	}
	want := []string{
		`root 0 /bin/bash "" listed=true login=true set:1@19000`,
		`daemon 1 /usr/sbin/nologin "" listed=false login=false disabled:2@19000`,
		`toor 0 /bin/odd "" listed=false login=true empty:3@19500`,
		`sam 1000 /bin/bash "set" listed=true login=true locked:4@19600`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	got = nil
	for _, x := range u.Odd {
		got = append(got, fmt.Sprintf("%s:%d %s: %s", x.File, x.Line, x.Raw, x.Reason))
	}
	want = []string{"/etc/passwd:3 toor:x:0:0::/:/bin/odd: the number of root", "/etc/passwd:5 +::::::: takes in accounts of a server (compat)",
		"/etc/group:3 broken: has not 4 fields"}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	got = nil
	for _, x := range u.Changed {
		got = append(got, fmt.Sprintf("%s:%d %s %s %q %q", x.File, x.Line, x.Name, x.What, x.Was, x.Is))
	}
	want = []string{
		`/etc/passwd:0 gone removed "gone:x:7:7::/:/bin/sh" ""`,
		`/etc/passwd:3 toor added "" "toor:x:0:0::/:/bin/odd"`,
		`/etc/shadow:3 toor changed "toor:(disabled):19000:0:99999:7:::" "toor::19500:0:99999:7:::"`,
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "+") || strings.Contains(s, "sam") })
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if len(u.Subs) != 1 || u.Subs[0].Count != 65536 || len(u.Groups) != 2 || len(u.Groups[1].Members) != 2 {
		t.Errorf("%+v %+v", u.Subs, u.Groups)
	}
}

// TestNoHash: nothing of a password enters.
func TestNoHash(t *testing.T) {
	data, err := json.Marshal(collected(t))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "$") || strings.Contains(string(data), "AAAA") {
		t.Errorf("%s", data)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("root:$6$AAAA:0:0:root:/root:/bin/bash\n+::::::\nx:!*:1\nwheel:x:10:a,b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parseGroup(data)
		parseShells(data)
		parseSubs(data, "f")
		_, odd := parsePasswd(data)
		for _, s := range parseShadow(data) {
			if !slices.Contains([]string{"set", "empty", "locked", "disabled"}, s.Status) {
				t.Errorf("%+v", s)
			}
		}
		for _, x := range odd {
			if len(x.Raw) > maxRaw {
				t.Errorf("%+v", x)
			}
		}
		compare("f", data, []byte("a:b:c\n"))
	})
}
