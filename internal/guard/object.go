package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aymanbagabas/go-udiff"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/guard/proc"
)

// An APIFunc asks the API server with the node's own credentials.
type APIFunc func(ctx context.Context, method, path, contentType string, body []byte) (int, []byte, error)

// objectPause is the time between two looks at a repaired object.
const objectPause = 5 * time.Second

// watchObjects looks at the repaired objects again and again.
func (w *Watch) watchObjects(ctx context.Context) {
	var list []Target
	for _, t := range w.opts.Targets {
		if t.Kind == "object" {
			list = append(list, t)
		}
	}
	if len(list) == 0 || w.opts.API == nil {
		return
	}
	w.mu.Lock()
	w.summary.Watched += len(list)
	w.mu.Unlock()
	w.work.Go(func() {
		known := map[string]string{}
		for {
			for _, t := range list {
				w.object(ctx, t, known)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(objectPause):
			}
		}
	})
}

// object compares one object with what was known of it. What cannot be asked
// says nothing.
func (w *Watch) object(ctx context.Context, t Target, known map[string]string) {
	path, _, _ := strings.Cut(t.Name, "?")
	status, answer, err := w.opts.API(ctx, http.MethodGet, path, "", nil)
	if err != nil || status != http.StatusOK && status != http.StatusNotFound {
		return
	}
	now, hand := "", Hand{Process: proc.Process{UID: -1, LoginUID: -1}}
	if status == http.StatusOK {
		if now, hand.Manager, err = Object(answer); err != nil {
			return
		}
	}
	was, seen := known[t.Name]
	if known[t.Name] = now; !seen || was == now {
		return
	}
	d := Deed{At: time.Now().UTC(), Kind: "object", What: path, Did: "changed", Repair: t.Repair, Hand: hand}
	switch {
	case was == "":
		d.Did = "made"
	case now == "":
		d.Did = "removed"
	}
	d.Diff = cutDiff(udiff.Unified(path, path, secret.Scrub(was), secret.Scrub(now)))
	if line := audited(path); line != "" {
		d.Hand.Note = "the audit log says " + line
		if d.Hand.Manager == "" {
			d.Hand.Manager = "a client of the API"
		}
	}
	d.Hand.Known = d.Hand.Manager != ""
	if !d.Hand.Known {
		d.Hand.Note = "the API server does not say who removed it, and this node has no audit log of it"
	}
	w.tell(d)
}

// Object is an object as text, without what changes by itself, and who wrote
// it last: managedFields name the client, what it did, and when.
func Object(data []byte) (text, manager string, err error) {
	var x map[string]any
	if err := json.Unmarshal(data, &x); err != nil {
		return "", "", fmt.Errorf("cannot read an object: %w", err)
	}
	delete(x, "status")
	if meta, ok := x["metadata"].(map[string]any); ok {
		manager = lastManager(meta["managedFields"])
		for _, k := range []string{"managedFields", "resourceVersion", "generation"} {
			delete(meta, k)
		}
	}
	if d, ok := x["data"].(map[string]any); ok && x["kind"] == "Secret" {
		for k, v := range d {
			d[k] = secret.Mark(fmt.Sprint(v))
		}
	}
	out, err := json.MarshalIndent(x, "", "  ")
	return string(out) + "\n", manager, err
}

func lastManager(list any) string {
	all, _ := list.([]any)
	last, text := "", ""
	for _, x := range all {
		f, _ := x.(map[string]any)
		at, _ := f["time"].(string)
		if sub, _ := f["subresource"].(string); at < last || sub == "status" {
			continue
		}
		last, text = at, fmt.Sprintf("%v, by %v at %s", f["manager"], f["operation"], at)
	}
	return text
}

// maxAudit bounds what is read of the end of the audit log.
const maxAudit = 512 << 10

var auditFlag = regexp.MustCompile(`--audit-log-path=([^\s"',]+)`)

// audited is what the audit log of this node's API server says of the last
// write of an object, or "".
func audited(path string) string {
	manifest, err := os.ReadFile("/etc/kubernetes/manifests/kube-apiserver.yaml")
	if err != nil {
		return ""
	}
	m := auditFlag.FindSubmatch(manifest)
	if m == nil || string(m[1]) == "-" {
		return ""
	}
	f, err := os.Open(string(m[1]))
	if err != nil {
		return ""
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > maxAudit {
		f.Seek(-maxAudit, io.SeekEnd)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxAudit))
	if err != nil {
		return ""
	}
	return Audit(data, path)
}

// Audit finds the last write of an object in lines of an audit log, see
// audit.k8s.io/v1 Event.
func Audit(data []byte, path string) string {
	text := ""
	for line := range bytes.Lines(data) {
		var e struct {
			Verb, RequestURI, UserAgent, StageTimestamp string
			User                                        struct{ Username string }
			ImpersonatedUser                            struct{ Username string }
			SourceIPs                                   []string
			ResponseStatus                              struct{ Code int }
		}
		if !bytes.Contains(line, []byte(path)) || json.Unmarshal(line, &e) != nil {
			continue
		}
		at, _, _ := strings.Cut(e.RequestURI, "?")
		switch e.Verb {
		case "create", "update", "patch", "delete":
			if (at == path || e.Verb == "create" && strings.HasPrefix(path, at+"/")) && e.ResponseStatus.Code < 300 {
				text = fmt.Sprintf("%s of %s by %s from %s with %s", e.Verb, e.StageTimestamp, e.User.Username, strings.Join(e.SourceIPs, ", "), e.UserAgent)
				if e.ImpersonatedUser.Username != "" {
					text += " as " + e.ImpersonatedUser.Username
				}
			}
		}
	}
	return secret.Scrub(text)
}
