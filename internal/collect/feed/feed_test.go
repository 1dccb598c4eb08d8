package feed

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/collect/journal/journaltest"
	"github.com/klustered/klustered/internal/collect/source/sourcetest"
)

var day = time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)

// node writes files below a folder.
func node(t testing.TB, files map[string][]byte) fs.FS {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		sourcetest.File(t, dir, name, string(data), 0o644)
	}
	return os.DirFS(dir)
}

func cri(from, to int) []byte {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%s stderr F line %d\n", day.Add(time.Duration(i)*time.Second).Format(time.RFC3339Nano), i)
	}
	return b.Bytes()
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

const pod = "var/log/pods/kube-system_etcd-cp1_uid/etcd/"

func open(t testing.TB, root fs.FS, s Selection) []Source {
	t.Helper()
	list, err := s.Sources(root, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func texts(lines []*Line) string {
	var out []string
	for _, l := range lines {
		out = append(out, strings.TrimPrefix(l.Message, "line "))
	}
	return strings.Join(out, " ")
}

func TestContainerLogs(t *testing.T) {
	root := node(t, map[string][]byte{
		pod + "2.log.20260304-000010.gz": zipped(cri(0, 3)),
		pod + "2.log.20260304-000020":    cri(3, 6),
		pod + "2.log":                    cri(6, 9),
		pod + "1.log":                    cri(-3, 0),
		pod + "3.log.tmp":                cri(50, 60),
	})
	match, err := NewMatcher("line [147]")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s int) time.Time { return day.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		s    Selection
		w    Window
		n    int
		want string
	}{
		{Selection{}, Window{}, -1, "0 1 2 3 4 5 6 7 8"},
		{Selection{}, Window{}, 2, "7 8"},
		{Selection{}, Window{}, 5, "4 5 6 7 8"},
		{Selection{}, Window{}, 8, "1 2 3 4 5 6 7 8"},
		{Selection{}, Window{Match: match}, -1, "1 4 7"},
		{Selection{}, Window{Match: match}, 2, "4 7"},
		{Selection{}, Window{Since: at(2), Until: at(7)}, -1, "2 3 4 5 6 7"},
		{Selection{}, Window{Since: at(2), Until: at(7)}, 3, "5 6 7"},
		{Selection{Previous: true}, Window{}, -1, "-3 -2 -1"},
	} {
		c.s.Pods = []string{"kube-system/etcd-cp1"}
		sources := open(t, root, c.s)
		got := slices.Collect(Onward(t.Context(), c.w, sources))
		if c.n >= 0 {
			got = Last(t.Context(), c.w, c.n, sources)
		}
		if texts(got) != c.want {
			t.Errorf("%+v %+v %d: %s, want %s", c.s, c.w, c.n, texts(got), c.want)
		}
	}
}

func TestPartsAreJoinedAndFound(t *testing.T) {
	root := node(t, map[string][]byte{pod + "0.log": []byte(
		"2026-03-04T00:00:00Z stderr P nee\n2026-03-04T00:00:01Z stderr F dle\n2026-03-04T00:00:02Z stdout F hay\nno record\n")})
	m, _ := NewMatcher("needle")
	got := slices.Collect(Onward(t.Context(), Window{Match: m}, open(t, root, Selection{Pods: []string{"etcd"}})))
	if len(got) != 1 || got[0].Message != "needle" || got[0].Cursor != "byte=0" {
		t.Errorf("%v", got)
	}
	all := slices.Collect(Onward(t.Context(), Window{}, open(t, root, Selection{Pods: []string{"etcd-cp?"}})))
	if texts(all) != "needle hay no record" || !all[2].Time.Equal(all[1].Time) {
		t.Errorf("%q", texts(all))
	}
}

func TestMerge(t *testing.T) {
	w := journaltest.NewWriter()
	for i := range 5 {
		w.Add(day.Add(time.Duration(2*i)*time.Second), "_SYSTEMD_UNIT=a.service", fmt.Sprintf("MESSAGE=j%d", i))
	}
	root := node(t, map[string][]byte{pod + "0.log": cri(1, 4), "var/log/journal/x/system.journal": w.File(),
		"var/log/syslog": []byte("Mar  4 00:00:05 cp1 x: old style\n2026-03-04T00:00:07.5+00:00 cp1 x: new style\n")})
	os.Chtimes(filepath.Join(fmt.Sprint(root), "var/log/syslog"), day, day.Add(time.Hour))
	s := Selection{Units: []string{"a"}, Pods: []string{"etcd"}, Files: []string{"/var/log/syslog"}}
	want := "j0 1 j1 2 3 j2 Mar  4 00:00:05 cp1 x: old style j3 2026-03-04T00:00:07.5+00:00 cp1 x: new style j4"
	if got := texts(slices.Collect(Onward(t.Context(), Window{}, open(t, root, s)))); got != want {
		t.Errorf("onward %s\nwant %s", got, want)
	}
	if got := texts(Last(t.Context(), Window{}, 100, open(t, root, s))); got != want {
		t.Errorf("last %s\nwant %s", got, want)
	}
}

func TestFollow(t *testing.T) {
	root := node(t, map[string][]byte{pod + "0.log": cri(0, 3)})
	dir := filepath.Join(fmt.Sprint(root), pod)
	sources := open(t, root, Selection{Pods: []string{"etcd"}})
	for _, s := range sources {
		s.Mark()
	}
	step := func(want string, do func()) {
		t.Helper()
		do()
		if got := texts(New(t.Context(), Window{}, sources)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	add := func(name string, b []byte) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(b)
		f.Close()
	}
	step("", func() {})
	step("3", func() { add("0.log", cri(3, 4)) })
	step("", func() { add("0.log", []byte("2026-03-04T00:00:04Z stderr F line")) })
	step("4", func() { add("0.log", []byte(" 4\n")) })
	step("5 6", func() {
		add("0.log", cri(5, 6))
		os.Rename(dir+"0.log", dir+"0.log.20260304-000100")
		add("0.log", cri(6, 7))
	})
	step("7", func() { add("1.log", cri(7, 8)) })
	step("8", func() { os.Truncate(dir+"1.log", 0); add("1.log", []byte("2026-03-04T00:00:08Z stderr F 8\n")) })
}

func TestUnknown(t *testing.T) {
	w := journaltest.NewWriter()
	w.Add(day, "_SYSTEMD_UNIT=kubelet.service", "_BOOT_ID=00000000000000000000000000000001", "MESSAGE=x")
	root := node(t, map[string][]byte{pod + "0.log": cri(0, 3), "var/log/journal/x/system.journal": w.File()})
	for _, s := range []Selection{{Units: []string{"kubelt"}}, {Pods: []string{"etc"}}, {Pods: []string{"etcd"}, Container: "x"},
		{Pods: []string{"etcd"}, Previous: true}, {Boot: "-1"}, {Boot: "ffff"}, {Files: []string{"/none"}}} {
		if _, err := s.Sources(root, func(error) {}); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
	for _, s := range []Selection{{Units: []string{"kube*"}}, {Boot: "0"}, {Boot: "0000000000000000"}} {
		if got := Last(t.Context(), Window{}, 9, open(t, root, s)); len(got) != 1 {
			t.Errorf("%+v: %d", s, len(got))
		}
	}
}

func TestMatcherAgreesWithRegexp(t *testing.T) {
	lines := []string{"", "error: x509: bad", "a stdout P b", "plain ERROR", "timeout after 5s", "x509", "aaaaaaaab"}
	for _, expr := range []string{"x509: ", "(?i)error", "after [0-9]+s", "a+b", "x(50)9|plain", "^$", "(time)?out", "e{2}", "no such"} {
		m, err := NewMatcher(expr)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(expr)
		for _, l := range lines {
			want := re.MatchString(l)
			if got := m.Match(l); got != want {
				t.Errorf("%q in %q: %v", expr, l, got)
			}
			if len(m.literal) > 0 && want && m.index([]byte(l)) != strings.Index(l, string(m.literal)) {
				t.Errorf("%q in %q: index %d", m.literal, l, m.index([]byte(l)))
			}
		}
	}
	if _, err := NewMatcher("("); err == nil {
		t.Error("no error")
	}
}

// FuzzScan: a scan that skips finds what one that looks at each line finds.
func FuzzScan(f *testing.F) {
	f.Add([]byte("2026-03-04T00:00:00Z stderr P nee\n2026-03-04T00:00:01Z stderr F dle\n"), "needle")
	f.Add([]byte("a\nneedle\n\nb"), "ee")
	f.Add([]byte(`{"log":"a\u003cb\n","stream":"stdout","time":"2026-03-04T00:00:01Z"}`+"\n"), "a<b")
	f.Fuzz(func(t *testing.T, data []byte, word string) {
		m, err := NewMatcher(regexp.QuoteMeta(word))
		if err != nil || word == "" {
			return
		}
		for _, plain := range []bool{false, true} {
			var got [2][]string
			for i, slow := range []bool{false, true} {
				l := &Log{Plain: plain}
				p := parser{log: l, window: Window{Match: m}, yield: func(x *Line) bool {
					got[i] = append(got[i], x.Message)
					return true
				}}
				sc := scan{match: m, plain: plain, slow: slow}
				if err := sc.run(bytes.NewReader(data), 0, p.add); err != nil {
					t.Fatal(err)
				}
				p.rest()
			}
			if !slices.Equal(got[0], got[1]) {
				t.Errorf("plain %v: %q, want %q", plain, got[0], got[1])
			}
		}
	})
}

func FuzzTextTime(f *testing.F) {
	f.Add([]byte("Mar  4 05:06:07 cp1 x"))
	f.Add([]byte("2026-03-04 05:06:07 status installed"))
	f.Fuzz(func(t *testing.T, b []byte) { textTime(b, day) })
}
