package witness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/feed"
	"github.com/klustered/klustered/internal/transport"
)

// shown has klustered on the node show logs, as klustered logs --node does.
func (n Node) shown(ctx context.Context, order string) ([]feed.Line, error) {
	node, err := transport.Open(ctx, n.Spec(), binary)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := node.Run(ctx, transport.Streams{In: strings.NewReader(order + "\n"), Out: &out}, "agent", "logs"); err != nil {
		return nil, err
	}
	var lines []feed.Line
	for d := json.NewDecoder(&out); d.More(); {
		var l struct {
			feed.Line
			Note  string
			Error any
		}
		if err := d.Decode(&l); err != nil {
			return nil, err
		}
		if l.Note != "" || l.Error != nil {
			return nil, fmt.Errorf("%s %v", l.Note, l.Error)
		}
		lines = append(lines, l.Line)
	}
	return lines, nil
}

// testLogs compares what is shown of the journal with journalctl, entry for
// entry by cursor, time and text, and a container's log with its file.
func testLogs(ctx context.Context, t *testing.T, n Node) {
	at, err := n.Lines(ctx, `date -u +%Y-%m-%dT%H:%M:%SZ; date -u -d -2hours +%Y-%m-%dT%H:%M:%SZ`)
	if err != nil {
		t.Fatal(err)
	}
	window := fmt.Sprintf(`"Until":%q,"Since":%q,"Lines":-1`, at[0], at[1])
	span := fmt.Sprintf("--since '%s' --until '%s'", at[1], at[0])
	span = strings.NewReplacer("T", " ", "Z", " UTC").Replace(span)
	for name, c := range map[string][2]string{
		"kubelet":    {`{"Units":["kubelet"],` + window + `}`, "-u kubelet " + span},
		"containerd": {`{"Units":["containerd.service"],` + window + `}`, "-u containerd " + span},
		"kernel":     {`{"Kernel":true,"Lines":300}`, "-k --boot=all -n 300"},
		"all":        {`{` + window + `}`, span},
		"errors":     {`{"MaxPriority":3,"Lines":100}`, "-p err -n 100"},
	} {
		got, err := n.shown(ctx, c[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err := n.Lines(ctx, "journalctl -o json --output-fields=MESSAGE "+c[1])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		t.Logf("%s: %d entries", name, len(want))
		same(t, name, entriesShown(got), entriesOf(want))
	}
	containerFile(ctx, t, n)
}

func entriesShown(lines []feed.Line) []string {
	var out []string
	for _, l := range lines {
		out = append(out, fmt.Sprintf("%s %d %q", l.Cursor, l.Time.UnixMicro(), strings.ToValidUTF8(l.Message, "?")))
	}
	return out
}

// entriesOf reads journalctl's JSON: a text that is none is a list of bytes.
func entriesOf(lines []string) []string {
	var out []string
	for _, l := range lines {
		var e struct {
			Cursor  string          `json:"__CURSOR"`
			Time    string          `json:"__REALTIME_TIMESTAMP"`
			Message json.RawMessage `json:"MESSAGE"`
		}
		if json.Unmarshal([]byte(l), &e) != nil || !strings.HasPrefix(l, "{") {
			continue
		}
		var text string
		if json.Unmarshal(e.Message, &text) != nil {
			var b []int
			json.Unmarshal(e.Message, &b)
			for _, c := range b {
				text += string([]byte{byte(c)})
			}
			text = strings.ToValidUTF8(text, "?")
		}
		out = append(out, fmt.Sprintf("%s %s %q", e.Cursor, e.Time, text))
	}
	return out
}

// containerFile compares the log of kube-proxy with the lines of its file.
func containerFile(ctx context.Context, t *testing.T, n Node) {
	want, err := n.Lines(ctx, `f=$(ls -t /var/log/pods/kube-system_kube-proxy-*/kube-proxy/*.log | head -1); sed -E 's/^[^ ]+ (stdout|stderr) F //' "$f"`)
	if err != nil {
		t.Error(err)
		return
	}
	got, err := n.shown(ctx, `{"Pods":["kube-system/kube-proxy"],"Lines":-1}`)
	if err != nil {
		t.Error(err)
		return
	}
	var texts []string
	for _, l := range got {
		if strings.TrimSpace(l.Message) != "" {
			texts = append(texts, l.Message)
		}
	}
	if len(texts) < len(want) || strings.Join(texts[:len(want)], "\n") != strings.Join(want, "\n") {
		t.Errorf("the log of kube-proxy: %d lines shown, %d in its file", len(texts), len(want))
	}
}

// testJournal compares the files' headers with journalctl --header.
func testJournal(ctx context.Context, t *testing.T, n Node) {
	j := n.Snapshot.Journal
	if j == nil {
		t.Fatal("not collected")
	}
	var got []string
	for _, f := range j.Files {
		got = append(got, fmt.Sprintf("%s %s %d", f.MachineID, f.SequenceID, f.Head))
		if !f.Online && f.Walked >= 0 && uint64(f.Walked) != f.Entries {
			t.Errorf("%s: %d entries found, %d in its header", f.Path, f.Walked, f.Entries)
		}
	}
	want, err := n.Lines(ctx, `journalctl --header | awk '/^Machine ID:/{m=$3} /^Sequential number ID:/{s=$4} /^Head sequential number:/{print m, s, $4}'`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "files", got, want)
	id, err := n.Lines(ctx, `cat /etc/machine-id; tr -d - </proc/sys/kernel/random/boot_id`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "ids", []string{j.MachineID, j.BootID}, id)
}

// testTrail compares wtmp with last, and packages with dpkg's log.
func testTrail(ctx context.Context, t *testing.T, n Node) {
	x := n.Snapshot.Trail
	if x == nil {
		t.Fatal("not collected")
	}
	var got []string
	for _, l := range x.Logins {
		if l.Kind == "boot" && l.Source == "/var/log/wtmp" {
			got = append(got, l.Host+" "+l.Time.Format("2006-01-02T15:04:05"))
		}
	}
	want, err := n.Lines(ctx, `last -x reboot --time-format iso --fullnames 2>/dev/null | awk '$1=="reboot" && $2=="system" {print $4, substr($5, 1, 19)}'`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "boots", got, want)
	var packages []string
	for _, p := range x.Packages {
		packages = append(packages, p.Action+" "+p.Package)
	}
	want, err = n.Lines(ctx, `test -f /var/log/dpkg.log && grep -hE ' (install|upgrade|remove|purge) ' /var/log/dpkg.log | tail -100 | awk '{print $3, $4}' || true`)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "packages", packages, want)
}
