package demo

import (
	"bytes"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/snapshot"
)

func TestLoad(t *testing.T) {
	var b bytes.Buffer
	s := &snapshot.Snapshot{Node: "n", At: time.Unix(9, 0).UTC()}
	if err := bundle.Write(&b, []bundle.Part{{Snapshot: s}}, bundle.Options{Note: "it broke"}); err != nil {
		t.Fatal(err)
	}
	from := fstest.MapFS{"bundles/one.bundle": {Data: b.Bytes()}, "bundles/bad.bundle": {Data: []byte("x")}, "bundles/README.md": {}}
	if got := names(from); !slices.Equal(got, []string{"bad", "one"}) {
		t.Errorf("names %v", got)
	}
	i, err := load(from, "one")
	if err != nil || i.Story() != "it broke" || len(i.Bundle.Snapshots()) != 1 {
		t.Errorf("%+v, %v", i, err)
	}
	for _, name := range []string{"bad", "none", "../one"} {
		if _, err := load(from, name); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every embedded incident opens, is small, and has lost its names.
func TestRecorded(t *testing.T) {
	for _, name := range Names() {
		i, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if i.Story() == "" || len(i.Bundle.Snapshots()) == 0 || i.Bundle.Manifest.Redacted == bundle.Nothing {
			t.Errorf("%s: no story, no snapshot, or not redacted", name)
		}
		data, _ := recorded.ReadFile("bundles/" + name + ending)
		if len(data) > 1<<20 {
			t.Errorf("%s: %d bytes", name, len(data))
		}
	}
}
