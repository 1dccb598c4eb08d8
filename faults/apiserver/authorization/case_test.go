package authorization

import (
	"strings"
	"testing"
)

func TestRefuses(t *testing.T) {
	for list, bad := range map[string]bool{
		"Node,RBAC": false, "RBAC,Node": false, "Node,RBAC,Webhook": false, "Node,Webhook": false, "AlwaysAllow": false, "Node,RBAC,ABAC": false,
		"Node": true, "RBAC": true, "AlwaysDeny,Node,RBAC": true,
	} {
		if got := refuses(strings.Split(list, ",")); (got != "") != bad {
			t.Errorf("%s: %q", list, got)
		}
	}
}
