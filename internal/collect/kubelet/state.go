package kubelet

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"hash/fnv"
	"io/fs"
	"path"
	"strings"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

// stateNames are the kubelet's state files below its root. Those of the CPU,
// memory and DRA managers keep it from starting when they are damaged.
var stateNames = []string{"cpu_manager_state", "memory_manager_state", "dra_manager_state", "pod_status_manager_state",
	"allocated_pods_state", "actuated_pods_state", "graceful_node_shutdown_state", "device-plugins/kubelet_internal_checkpoint"}

// states reads the state files that are there.
func states(e *source.Env, root string) []snapshot.StateFile {
	var out []snapshot.StateFile
	names := stateNames
	for _, p := range e.Glob(path.Join(root, "checkpoints", "*")) {
		if rel, ok := strings.CutPrefix(p, root+"/"); ok && len(names) < maxManifests {
			names = append(names[:len(names):len(names)], rel)
		}
	}
	for _, name := range names {
		p := path.Join(root, name)
		data, err := e.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			e.Gap(snapshot.SectionKubelet, p, err)
			continue
		}
		x := parseState(data)
		sum := sha256.Sum256(data)
		x.Path, x.Size, x.SHA256 = p, int64(len(data)), hex.EncodeToString(sum[:])
		out = append(out, x)
	}
	return out
}

// parseState reads a state file: JSON with a sum. Where the state is a text in
// the field data, its sum is the 32 bit FNV-1a of that text behind "(string)",
// or, of DRA, its CRC-32.
func parseState(data []byte) snapshot.StateFile {
	var x snapshot.StateFile
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		x.Error = "is no JSON: " + err.Error()
		return x
	}
	if sum, text, ok := stateSum(top); ok {
		x.Sum = "wrong"
		h := fnv.New32a()
		h.Write([]byte("(string)" + text))
		if uint64(h.Sum32()) == sum || uint64(crc32.ChecksumIEEE([]byte(text))) == sum {
			x.Sum = "ok"
		}
		if !json.Valid([]byte(text)) {
			x.Error = "its data is no JSON"
		}
	}
	x.Values = plainValues(top)
	return x
}

// stateSum finds the state as a text and the sum of it.
func stateSum(top map[string]json.RawMessage) (sum uint64, text string, ok bool) {
	for _, names := range [][2]string{{"data", "dataChecksum"}, {"data", "checksum"}, {"Data", "Checksum"}} {
		if json.Unmarshal(top[names[0]], &text) == nil && json.Unmarshal(top[names[1]], &sum) == nil {
			return sum, text, true
		}
	}
	return 0, "", false
}

// plainValues are the texts and numbers of a state file, but for the data.
func plainValues(top map[string]json.RawMessage) map[string]string {
	out := map[string]string{}
	for key, raw := range top {
		s := strings.Trim(string(raw), `"`)
		if strings.ToLower(key) != "data" && len(raw) < 200 && !strings.ContainsAny(s, "{[") && len(out) < 20 {
			out[key] = s
		}
	}
	return out
}
