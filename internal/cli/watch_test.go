package cli

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// A node that goes dark under watch is told of once, and when it is back.
func TestWatchTellsOfUnreadNodes(t *testing.T) {
	var out bytes.Buffer
	a := &App{Err: &out}
	look := func(err error) []place {
		places := make([]place, 2)
		places[0].spec, places[1].spec = "docker://a", "docker://b"
		got, failed := missed(places, []error{err, nil})
		if failed != nil {
			t.Fatal(failed)
		}
		return got
	}
	before := a.tellUnread(look(nil), nil)
	for _, err := range []error{errors.New("gone"), errors.New("gone"), nil, nil} {
		before = a.tellUnread(look(err), before)
	}
	const want = "klustered: cannot read docker://a: gone; what showed there is kept\nklustered: docker://a can be read again\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), strings.TrimSpace(want))
	}
}
