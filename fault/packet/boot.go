package packet

import (
	"fmt"

	"github.com/klustered/klustered/op"
)

// AtBoot plans a unit that runs a command at every boot, for drills.
func AtBoot(name, command string) op.Plan {
	unit := "/etc/systemd/system/" + name + ".service"
	text := fmt.Sprintf("[Unit]\nDescription=%s\nAfter=network.target\n\n[Service]\nType=oneshot\nExecStart=%s\nRemainAfterExit=yes\n\n[Install]\nWantedBy=multi-user.target\n", name, command)
	return op.Plan{
		op.ReloadUnits{}, op.WriteFile{Path: unit, Data: []byte(text), Mode: 0o644},
		op.WriteFile{Path: "/etc/systemd/system/multi-user.target.wants/" + name + ".service", Link: unit, Mode: 0o777}, op.ReloadUnits{},
	}
}
