package kubelet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

// A Refusal is a setting whose value the kubelet does not start with.
type Refusal struct {
	Key string
	Why string
}

// a bound is between which numbers a setting must be.
type bound struct {
	key    string
	lo, hi float64
}

// bounds are those of ValidateKubeletConfiguration in
// k8s.io/kubernetes/pkg/kubelet/apis/config/validation.
var bounds = []bound{
	{"imageGCHighThresholdPercent", 0, 100}, {"imageGCLowThresholdPercent", 0, 100},
	{"port", 1, 65535}, {"readOnlyPort", 0, 65535}, {"healthzPort", 0, 65535},
	{"nodeLeaseDurationSeconds", 1, 1 << 31}, {"maxPods", 0, 1 << 31}, {"podsPerCore", 0, 1 << 31},
	{"registryPullQPS", 0, 1 << 31}, {"registryBurst", 0, 1 << 31}, {"kubeAPIQPS", 0, 1 << 31}, {"kubeAPIBurst", 0, 1 << 31},
	{"eventRecordQPS", 0, 1 << 31}, {"eventBurst", 0, 1 << 31}, {"oomScoreAdj", -1000, 1000}, {"maxOpenFiles", 0, 1 << 62},
	{"nodeStatusMaxImages", -1, 1 << 31}, {"maxParallelImagePulls", 1, 1 << 31}, {"containerLogMaxFiles", 2, 1 << 31}, {"containerLogMaxWorkers", 1, 1 << 31},
	{"iptablesMasqueradeBit", 0, 31}, {"iptablesDropBit", 0, 31},
}

// words are what settings may say that are one of a few words.
var words = map[string][]string{
	"topologyManagerPolicy": {"none", "best-effort", "restricted", "single-numa-node"}, "topologyManagerScope": {"container", "pod"},
	"hairpinMode": {"promiscuous-bridge", "hairpin-veth", "none"}, "memorySwap.swapBehavior": {"", "NoSwap", "LimitedSwap"},
	"cpuManagerPolicy": {"none", "static"}, "memoryManagerPolicy": {"None", "Static"}, "authorization.mode": {"AlwaysAllow", "Webhook"},
	"logging.format": {"text", "json"}, "cgroupDriver": {"cgroupfs", "systemd"},
}

// Refusals are values that are of the right type and still end the kubelet
// when it checks its configuration. Of one that was not read whole nothing is
// said: what seems to be missing may stand in the rest.
func Refusals(k *snapshot.Kubelet) []Refusal {
	if !Read(k) {
		return nil
	}
	var out []Refusal
	number := func(key string) (float64, bool) {
		x, err := strconv.ParseFloat(k.Effective[key].Value, 64)
		return x, err == nil && k.Effective[key].Value != ""
	}
	bad := func(key, format string, args ...any) {
		if Set(k, key) {
			out = append(out, Refusal{key, fmt.Sprintf(format, args...)})
		}
	}
	for _, b := range bounds {
		if x, ok := number(b.key); ok && (x < b.lo || x > b.hi) {
			bad(b.key, "must be %v or more and %v or less", b.lo, int64(b.hi))
		}
	}
	for key, list := range words {
		if v := k.Effective[key].Value; Set(k, key) && !slices.Contains(list, v) {
			bad(key, "is none of %s", strings.TrimPrefix(strings.Join(list, ", "), ", "))
		}
	}
	low, ok1 := number("imageGCLowThresholdPercent")
	high, ok2 := number("imageGCHighThresholdPercent")
	if key := set(k, "imageGCLowThresholdPercent", "imageGCHighThresholdPercent"); ok1 && ok2 && low >= high && high <= 100 && low >= 0 {
		bad(key, "makes the low threshold of image collection, %v, no less than the high one, %v", low, high)
	}
	if n, ok := number("maxParallelImagePulls"); ok && n > 1 && k.Effective["serializeImagePulls"].Value == "true" {
		bad(set(k, "maxParallelImagePulls", "serializeImagePulls"), "asks for %v pulls at once while serializeImagePulls is true", n)
	}
	if d, err := time.ParseDuration(k.Effective["containerLogMonitorInterval"].Value); err == nil && d < 3*time.Second {
		bad("containerLogMonitorInterval", "must be 3s or more")
	}
	if d, err := time.ParseDuration(k.Effective["cpuCFSQuotaPeriod"].Value); err == nil && (d < time.Millisecond || d > time.Second) {
		bad("cpuCFSQuotaPeriod", "must be between 1ms and 1s")
	}
	out = append(out, enforced(k)...)
	order.By(out, func(a, b Refusal) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// set is the first of two settings that something sets.
func set(k *snapshot.Kubelet, a, b string) string {
	if Set(k, a) {
		return a
	}
	return b
}

// enforced checks what is to be enforced of the node's allocatable resources.
func enforced(k *snapshot.Kubelet) []Refusal {
	const key = "enforceNodeAllocatable"
	known := []string{"pods", "system-reserved", "kube-reserved", "system-reserved-compressible", "kube-reserved-compressible", "none", ""}
	var out []Refusal
	for _, v := range List(k, key) {
		switch {
		case !Set(k, key):
		case !slices.Contains(known, v):
			out = append(out, Refusal{key, strconv.Quote(v) + " is nothing that can be enforced"})
		case v != "none" && v != "" && k.Effective["cgroupsPerQOS"].Value == "false":
			out = append(out, Refusal{key, v + " needs cgroupsPerQOS"})
		case strings.HasPrefix(v, "system-reserved") && k.Effective["systemReservedCgroup"].Value == "":
			out = append(out, Refusal{key, v + " needs a systemReservedCgroup"})
		case strings.HasPrefix(v, "kube-reserved") && k.Effective["kubeReservedCgroup"].Value == "":
			out = append(out, Refusal{key, v + " needs a kubeReservedCgroup"})
		}
	}
	return out
}
