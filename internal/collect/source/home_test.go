package source

import (
	"fmt"
	"testing"
)

func TestParseHomes(t *testing.T) {
	got := fmt.Sprint(parseHomes("root:x:0:0::/root:/bin/bash\nd:x:1:1::/usr/sbin:/x\na:x:1000:1::/home/a:/bin/sh\nb:x:2:2::/home/a/:/x\nbad\nz:x:0:0::/:/bin/sh\n"))
	if want := "[{root /root} {a /home/a}]"; got != want {
		t.Errorf("got %s", got)
	}
}
