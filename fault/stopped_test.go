package fault

import (
	"fmt"
	"testing"

	"github.com/klustered/klustered/snapshot"
)

func TestStartAgain(t *testing.T) {
	const own, vendor = "/etc/systemd/system/a.service", "/usr/lib/systemd/system/a.service"
	link := []string{"/etc/systemd/system/multi-user.target.wants/a.service"}
	install := []snapshot.Setting{{Section: "Install", Key: "WantedBy", Value: "x.target y.target"}}
	for name, tc := range map[string]struct {
		u    snapshot.Unit
		want string
	}{
		"stopped":                 {snapshot.Unit{Path: vendor, WantedBy: link}, "[make systemd read its unit files again start a.service]"},
		"disabled":                {snapshot.Unit{Path: vendor, Settings: install}, "[make systemd read its unit files again create /etc/systemd/system/x.target.wants/a.service: enable the unit make systemd read its unit files again start a.service]"},
		"masked":                  {snapshot.Unit{Path: own, Link: "/dev/null", Masked: true, WantedBy: link}, "[make systemd read its unit files again remove " + own + ": it hides the unit make systemd read its unit files again start a.service]"},
		"by the command line":     {snapshot.Unit{Path: "/run/systemd/generator.early/a.service", Link: "/dev/null", Masked: true, WantedBy: link}, ""},
		"empty file of a package": {snapshot.Unit{Path: vendor, Masked: true, WantedBy: link}, ""},
	} {
		tc.u.Name = "a.service"
		plan, err := StartAgain(tc.u)
		if got := fmt.Sprint(plan); (err != nil) != (tc.want == "") || err == nil && got != tc.want {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

func TestStopUnit(t *testing.T) {
	masks := 0
	for seed := range uint64(40) {
		plan, err := StopUnit(snapshot.Unit{Name: "a.service", Path: "/usr/lib/systemd/system/a.service", Active: "active"}, NewDice(seed))
		if err != nil || len(plan) == 0 {
			t.Fatal(plan, err)
		}
		if len(plan) > 1 {
			masks++
		}
		if plan, _ := StopUnit(snapshot.Unit{Name: "a.service", Path: "/etc/systemd/system/a.service", Active: "active"}, NewDice(seed)); len(plan) != 1 {
			t.Errorf("a mask in the place of the unit itself: %v", plan)
		}
	}
	if masks == 0 || masks == 40 {
		t.Errorf("masked %d of 40 times", masks)
	}
	if _, err := StopUnit(snapshot.Unit{Name: "a.service", Active: "inactive"}, NewDice(1)); err == nil {
		t.Error("a stopped unit was stopped")
	}
}
