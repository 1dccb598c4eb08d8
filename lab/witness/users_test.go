package witness

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func testUsers(ctx context.Context, t *testing.T, n Node) {
	u := n.Snapshot.Users
	if u == nil {
		t.Fatal("not collected")
	}
	want, err := n.Lines(ctx, `getent passwd | cut -d: -f1,3,4,6,7`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range u.List {
		got = append(got, fmt.Sprintf("%s:%d:%d:%s:%s", x.Name, x.UID, x.GID, x.Home, x.Shell))
	}
	same(t, "accounts", got, want)
	if want, err = n.Lines(ctx, `getent group | cut -d: -f1,3,4`); err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, x := range u.Groups {
		got = append(got, fmt.Sprintf("%s:%d:%s", x.Name, x.GID, strings.Join(x.Members, ",")))
	}
	same(t, "groups", got, want)
	// passwd says P for a set password, L for a locked one, NP for none
	if want, err = n.Lines(ctx, `passwd -S -a | awk '{print $1, $2}'`); err != nil {
		t.Fatal(err)
	}
	got = nil
	for _, x := range u.List {
		if x.Shadow != nil {
			got = append(got, x.Name+" "+map[string]string{"set": "P", "empty": "NP", "locked": "L", "disabled": "L"}[x.Shadow.Status])
		}
	}
	same(t, "passwords", got, want)
}
