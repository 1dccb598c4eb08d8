package servicerange

import "testing"

func TestInvalid(t *testing.T) {
	for ranges, bad := range map[string]bool{
		"10.96.0.0/12": false, "10.96.0.0/16": false, "10.43.0.0/16": false, "10.96.0.0/12,fd00:10:96::/112": false, "fd00::/108": false, "10.96.0.5/16": false,
		"10.0.0.0/8": true, "10.96.0.0": true, "10.96.0.0/40": true, "": true, "services": true,
	} {
		if got := invalid(ranges); (got != "") != bad {
			t.Errorf("%q: %q", ranges, got)
		}
	}
}
