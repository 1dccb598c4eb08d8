package crilog

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func TestParse(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	cases := []struct {
		line string
		want Record
		ok   bool
	}{
		{"2026-01-02T03:04:05.0000006Z stderr F boom", Record{at, "stderr", false, "boom"}, true},
		{"2026-01-02T03:04:05.0000006Z stdout P:x part ", Record{at, "stdout", true, "part "}, true},
		{"2026-01-02T03:04:05.0000006Z stdout F ", Record{at, "stdout", false, ""}, true},
		{`{"log":"boom\n","stream":"stderr","time":"2026-01-02T03:04:05.0000006Z"}`,
			Record{at, "stderr", false, "boom"}, true},
		{`{"log":"part","stream":"stderr","time":"2026-01-02T03:04:05.0000006Z"}`,
			Record{at, "stderr", true, "part"}, true},
		{`{"level":"info"}`, Record{}, false},
		{"", Record{}, false},
		{"2026-01-02T03:04:05Z", Record{}, false},
		{"2026-01-02T03:04:05Z stdin F x", Record{}, false},
		{"2026-01-02T03:04:05Z stdout X x", Record{}, false},
		{"2026-01-02T03:04:05Z stdout F", Record{}, false},
		{"yesterday stdout F x", Record{}, false},
	}
	for _, c := range cases {
		got, err := Parse([]byte(c.line))
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%q: got %+v, %v, want %+v", c.line, got, err, c.want)
		}
	}
}

func cri(i int, stream, tag, text string) string {
	return fmt.Sprintf("2026-01-01T00:00:%02d.%09dZ %s %s %s\n", i/1e6%60, i%1e6, stream, tag, text)
}

func tail(t *testing.T, data string, l Limit) []Line {
	t.Helper()
	lines, err := Tail(fstest.MapFS{"0.log": {Data: []byte(data)}}, "0.log", l)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func texts(lines []Line) string {
	var s []string
	for _, l := range lines {
		s = append(s, l.Text)
	}
	return strings.Join(s, "|")
}

func TestTailReadsTheEnd(t *testing.T) {
	var b strings.Builder
	for i := range 5000 {
		b.WriteString(cri(i, "stderr", "F", fmt.Sprintf("line %d of many that fill several blocks", i)))
	}
	lines := tail(t, b.String(), Limit{Lines: 3000})
	if len(lines) != 3000 {
		t.Fatalf("%d lines", len(lines))
	}
	for i, l := range lines {
		if want := fmt.Sprintf("line %d of", 2000+i); !strings.HasPrefix(l.Text, want) || l.FromEnd != 3000-i {
			t.Fatalf("line %d is %q, %d from the end", i, l.Text, l.FromEnd)
		}
		if !strings.Contains(b.String()[l.Offset:][:70], l.Text[:9]) {
			t.Fatalf("line %d is not at %d", i, l.Offset)
		}
	}
	if n := len(tail(t, b.String(), Limit{})); n != 5000 {
		t.Errorf("%d lines without limit", n)
	}
	if n := len(tail(t, b.String(), Limit{Bytes: 1000})); n < 5 || n > 20 {
		t.Errorf("%d lines in 1000 bytes", n)
	}
}

func TestTailJoinsPartialRecords(t *testing.T) {
	data := cri(1, "stdout", "F", "one") + cri(2, "stdout", "P", "a") + cri(3, "stderr", "F", "err") +
		cri(4, "stdout", "P", "b") + cri(5, "stdout", "F", "c") + "garbage\n" + cri(6, "stderr", "P", "open") +
		"2026-01-01T00:0"
	for n, want := range map[int]string{
		0: "one|err|abc|garbage|open", 1: "open", 3: "abc|garbage|open", 4: "err|abc|garbage|open",
	} {
		if got := texts(tail(t, data, Limit{Lines: n})); got != want {
			t.Errorf("%d lines: %s, want %s", n, got, want)
		}
	}
	lines := tail(t, data, Limit{})
	if l := lines[2]; l.Offset != int64(len(cri(1, "stdout", "F", "one"))) || l.Partial {
		t.Errorf("the joined line: %+v", l)
	}
	if !lines[4].Partial || !lines[3].Time.IsZero() {
		t.Errorf("partial %v, time %v", lines[4].Partial, lines[3].Time)
	}
}

func TestTailErrors(t *testing.T) {
	if _, err := Tail(fstest.MapFS{}, "0.log", Limit{}); err == nil {
		t.Error("a missing log has no error")
	}
	if lines := tail(t, "", Limit{Lines: 5}); len(lines) != 0 {
		t.Errorf("an empty log has %d lines", len(lines))
	}
}

func TestList(t *testing.T) {
	root := fstest.MapFS{
		Dir + "/kube-system_etcd-cp1_0a1b/etcd/3.log":             {Data: []byte("x")},
		Dir + "/kube-system_etcd-cp1_0a1b/etcd/2.log":             {},
		Dir + "/kube-system_etcd-cp1_0a1b/etcd/2.log.20260101.gz": {},
		Dir + "/kube-system_etcd-cp1_0a1b/etcd/x.log":             {},
		Dir + "/strange/etcd/1.log":                               {},
	}
	logs, err := List(root)
	if err != nil || len(logs) != 2 {
		t.Fatalf("%v, %+v", err, logs)
	}
	want := Log{"kube-system", "etcd-cp1", "0a1b", "etcd", 3, Dir + "/kube-system_etcd-cp1_0a1b/etcd/3.log", 1}
	if logs[1] != want {
		t.Errorf("got %+v", logs[1])
	}
	if _, err := List(fstest.MapFS{}); err == nil {
		t.Error("a missing directory has no error")
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte(cri(1, "stdout", "P", "a")+cri(2, "stdout", "F", "b")), 1)
	f.Add([]byte(`{"log":"x\n","stream":"stdout","time":"2026-01-01T00:00:00Z"}`+"\n"), 3)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		for _, l := range join(data, "x", 0, n) {
			if l.Offset < 0 || l.Offset >= int64(len(data)) {
				t.Fatalf("offset %d of %d bytes", l.Offset, len(data))
			}
		}
	})
}
