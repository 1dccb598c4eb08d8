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

const (
	// objectPause is the time between two looks at a repaired object.
	objectPause = 5 * time.Second
	// askTime is how long the API server may take for one.
	askTime = 5 * time.Second
)

// unasked is for how many looks in a row the API server may not answer before
// that is said.
const unasked = 6

// watchObjects looks at the repaired objects again and again.
func (w *Watch) watchObjects(ctx context.Context) {
	list := w.of("object")
	if len(list) == 0 || w.opts.API == nil {
		return
	}
	w.watched(len(list))
	w.work.Go(func() {
		known, failed := map[string]objectLook{}, map[string]int{}
		for first := true; first || tick(ctx, objectPause); first = false {
			for _, t := range list {
				if failed[t.Name]++; w.object(ctx, t, known) {
					failed[t.Name] = 0
				}
				if failed[t.Name] == unasked && ctx.Err() == nil {
					w.note("%s could not be looked at for a while: the API server does not answer for it", t.Name)
				}
			}
		}
	})
}

// An objectLook is what was seen of an object last, and when.
type objectLook struct {
	there bool
	text  string
	at    time.Time
}

// object compares one object with what was known of it, and reports whether it
// could be asked for. What cannot be asked says nothing.
func (w *Watch) object(ctx context.Context, t Target, known map[string]objectLook) bool {
	path, _, _ := strings.Cut(t.Name, "?")
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	at := time.Now()
	status, answer, err := w.opts.API(ctx, http.MethodGet, path, "", nil)
	if err != nil || status != http.StatusOK && status != http.StatusNotFound {
		return false
	}
	hand := Hand{Process: nobody(0)}
	now := objectLook{at: at}
	var last manager
	var part any
	if status == http.StatusOK {
		object, by, err := Object(answer)
		if err != nil {
			return false
		}
		part, last, now.there = t.part(object), by, true
		now.text = objectText(part)
	}
	key := t.Name + " " + t.Part
	was, seen := known[key]
	if known[key] = now; !seen || was.text == now.text && was.there == now.there {
		return true
	}
	if w.repairing(was.at) {
		w.count(func(s *Summary) { s.Own++ })
		return true
	}
	d := Deed{At: time.Now().UTC(), Kind: "object", What: path, Did: "changed", Repair: t.Repair}
	switch {
	case !was.there:
		d.Did = "made"
	case !now.there:
		d.Did = "removed"
	}
	d.PutBack = t.Repair > 0 && (t.Undo == d.Did || now.there && t.back(part))
	d.Diff = cutDiff(udiff.Unified(path, path, secret.Scrub(was.text), secret.Scrub(now.text)))
	d.Hand = w.client(hand.managed(last, audited(path, was.at), was.at), was.at)
	w.tell(d)
	return true
}

// clocks is how far apart the clocks of two control-plane nodes may be.
const clocks = 3 * time.Second

// managed names the client that changed an object since then: by its own word in
// managedFields and by that of this node's audit log, each only where it is of
// that time.
func (h Hand) managed(last manager, log string, since time.Time) Hand {
	if last.text != "" && last.at.After(since.Add(-clocks).Truncate(time.Second)) {
		h.Manager = last.text
	}
	switch {
	case log != "":
		h.Note = "the audit log says " + log
		if h.Manager == "" {
			h.Manager = "a client of the API: " + log
		}
	case h.Manager == "" && last.text != "":
		h.Note = "no manager has written it since, and this node's audit log says nothing; the last one is " + last.text
	case h.Manager == "":
		h.Note = "the API server does not say who removed it, and this node's audit log says nothing of it"
	}
	h.Known = h.Manager != ""
	return h
}

// client adds the processes of this node that may be the client: those of the
// name that a client gives itself when it is given no other, its program's. A
// kubectl has to be of the time; another may have run for long.
func (w *Watch) client(h Hand, since time.Time) Hand {
	if w.ring == nil || h.Manager == "" {
		return h
	}
	name, _, _ := strings.Cut(h.Manager, ",")
	name, _, _ = strings.Cut(name, "/")
	from := time.Time{}
	if strings.HasPrefix(name, "kubectl") {
		name, from = "kubectl", since.Add(-namedFor)
	}
	list := w.ring.Since(from, func(p proc.Process) bool { return named(p, name[:min(len(name), nameLen)]) && p.PID != os.Getpid() })
	for _, p := range list {
		h = h.add(p)
	}
	if len(list) == 1 {
		h.Lineage = w.ring.Lineage(list[0])
	}
	return h
}

// A manager is a client of the API that names itself the writer of an object.
type manager struct {
	text string
	at   time.Time // of its last write
}

// lastApplied is the object once more, as a text, by kubectl apply.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// counted are annotations in which controllers count.
var counted = []string{lastApplied, "deployment.kubernetes.io/revision", "deprecated.daemonset.template.generation"}

// objectText is a part of an object as text; "" for nothing.
func objectText(part any) string {
	if part == nil {
		return ""
	}
	out, err := json.MarshalIndent(part, "", "  ")
	if err != nil {
		return ""
	}
	return string(out) + "\n"
}

// Object is an object without what changes by itself, and who wrote it last:
// managedFields name the client, what it did, and when.
func Object(data []byte) (x map[string]any, last manager, err error) {
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, last, fmt.Errorf("cannot read an object: %w", err)
	}
	delete(x, "status")
	if meta, ok := x["metadata"].(map[string]any); ok {
		last = lastManager(meta["managedFields"])
		for _, k := range []string{"managedFields", "resourceVersion", "generation"} {
			delete(meta, k)
		}
		if notes, ok := meta["annotations"].(map[string]any); ok {
			for _, k := range counted {
				delete(notes, k)
			}
		}
	}
	for _, field := range []string{"data", "stringData"} {
		if d, ok := x[field].(map[string]any); ok && x["kind"] == "Secret" {
			for k, v := range d {
				d[k] = secret.Mark(fmt.Sprint(v))
			}
		}
	}
	return x, last, nil
}

func lastManager(list any) (last manager) {
	all, _ := list.([]any)
	for _, x := range all {
		f, _ := x.(map[string]any)
		text, _ := f["time"].(string)
		at, err := time.Parse(time.RFC3339, text)
		if sub, _ := f["subresource"].(string); err != nil || at.Before(last.at) || sub == "status" {
			continue
		}
		last = manager{fmt.Sprintf("%v, by %v at %s", f["manager"], f["operation"], text), at}
	}
	return last
}

// maxAudit bounds what is read of the end of the audit log.
const maxAudit = 512 << 10

var auditFlag = regexp.MustCompile(`--audit-log-path=([^\s"',]+)`)

// audited is what the audit log of this node's API server says of the last
// write of an object since then, or "".
func audited(path string, since time.Time) string {
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
	return Audit(data, path, since)
}

// Audit finds the last write of an object since then in lines of an audit log,
// see audit.k8s.io/v1 Event.
func Audit(data []byte, path string, since time.Time) string {
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
		if stage, err := time.Parse(time.RFC3339Nano, e.StageTimestamp); err != nil || stage.Before(since) {
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
