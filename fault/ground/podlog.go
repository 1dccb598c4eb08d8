package ground

import (
	"errors"

	"github.com/klustered/klustered/fault"
	"github.com/klustered/klustered/snapshot"
)

// PodLogs is where the kubelet keeps the logs of containers.
const PodLogs = "/var/log/pods"

// Kept is the end of the name of what the kubelet leaves alone in [PodLogs]:
// each minute it removes there what is not of one of its pods.
func Kept(s *snapshot.Snapshot, d *fault.Dice) (string, error) {
	var all []string
	if s.Runtime != nil {
		for _, x := range s.Runtime.Sandboxes {
			if x.Ready && x.UID != "" {
				all = append(all, "_"+x.UID)
			}
		}
	}
	if len(all) == 0 {
		return "", errors.New("cannot find a pod that runs here")
	}
	return fault.Pick(d, all), nil
}
