package demo

import (
	"bytes"
	"testing"
	"time"

	"github.com/klustered/klustered/internal/bundle"
	"github.com/klustered/klustered/internal/packed"
	"github.com/klustered/klustered/snapshot"
)

func TestLoad(t *testing.T) {
	var b bytes.Buffer
	s := &snapshot.Snapshot{Node: "n", At: time.Unix(9, 0).UTC()}
	if err := bundle.Write(&b, []bundle.Part{{Snapshot: s}}, bundle.Options{Note: "it broke"}); err != nil {
		t.Fatal(err)
	}
	bare, err := bundle.Bare(&b)
	if err != nil {
		t.Fatal(err)
	}
	from := packed.Files{"one": bare, "bad": []byte("x")}
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
	if len(archive) > 256<<10 || len(Names()) == 0 {
		t.Errorf("%d incidents in %d bytes", len(Names()), len(archive))
	}
	for _, name := range Names() {
		i, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if i.Story() == "" || len(i.Bundle.Snapshots()) == 0 || i.Bundle.Manifest.Redacted == bundle.Nothing {
			t.Errorf("%s: no story, no snapshot, or not redacted", name)
		}
	}
}
