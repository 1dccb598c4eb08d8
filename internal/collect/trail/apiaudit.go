package trail

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/internal/order"
	"github.com/klustered/klustered/snapshot"
)

const (
	auditBytes  = 4 << 20 // of the end of one audit log
	changeLimit = 200
	maxText     = 200 // bytes of one value
	maxNotes    = 8   // annotations of an event
)

// An event is a line of the audit log: audit.k8s.io/v1, as
// k8s.io/apiserver/pkg/apis/audit/v1/types.go has it, without the bodies.
type event struct {
	Stage                  string
	Verb                   string
	User, ImpersonatedUser struct{ Username string }
	UserAgent              string
	SourceIPs              []string
	ObjectRef              *struct{ Resource, Subresource, Namespace, Name, APIGroup string }
	ResponseStatus         struct{ Code int }
	RequestURI             string
	StageTimestamp         time.Time
	Annotations            map[string]string
}

// auditFlag is the flag in a manifest of the API server that names the log.
var auditFlag = regexp.MustCompile(`--audit-log-path=["']?([^\s"',]+)`)

// apiAudit reads the audit logs that manifests name and those in the usual
// places.
func apiAudit(e *source.Env, t *snapshot.Trail) error {
	var errs []error
	for _, l := range auditLogs(e) {
		data, from, size, err := end(e, l.Path, auditBytes)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.Size, l.Read = size, int64(len(data))
		changes := parseAudit(data, from, &l)
		t.Audit = append(t.Audit, l)
		t.Changes = append(t.Changes, changes...)
	}
	order.By(t.Changes, func(a, b snapshot.APIChange) int { return a.Last.Compare(b.Last) })
	t.Changes = newest(t.Changes, changeLimit)
	return errors.Join(errs...)
}

// auditLogs are the paths of audit logs on the node.
func auditLogs(e *source.Env) []snapshot.AuditLog {
	var list []snapshot.AuditLog
	add := func(path, from string) {
		if path != "-" && !strings.HasPrefix(path, "/dev/") && !slices.ContainsFunc(list, func(l snapshot.AuditLog) bool { return l.Path == path }) {
			list = append(list, snapshot.AuditLog{Path: path, From: from})
		}
	}
	for _, name := range e.Glob("/etc/kubernetes/manifests/*") {
		data, err := e.ReadFile(name)
		if err != nil {
			continue
		}
		for _, m := range auditFlag.FindAllSubmatch(data, 4) {
			add(string(m[1]), name)
		}
	}
	for _, pattern := range []string{"/var/log/kubernetes/audit*.log", "/var/log/kubernetes/audit/*.log", "/var/log/kube-apiserver/audit*.log", "/var/log/kubernetes/kube-apiserver-audit.log"} {
		for _, name := range newest(e.Glob(pattern), 4) {
			add(name, "")
		}
	}
	return list
}

// parseAudit reads the lines of an audit log that begin at an offset of it.
func parseAudit(data []byte, from int64, l *snapshot.AuditLog) []snapshot.APIChange {
	var list []snapshot.APIChange
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		at := from
		from += int64(len(data) - len(rest))
		data = rest
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var x event
		if json.Unmarshal(line, &x) != nil || x.Verb == "" {
			l.Bad++
			continue
		}
		l.Events++
		if l.First.IsZero() {
			l.First = x.StageTimestamp.UTC()
		}
		l.Last = x.StageTimestamp.UTC()
		if c, ok := x.change(); ok {
			c.Path, c.Offset = l.Path, at
			list = addChange(list, c)
		}
	}
	return newest(list, changeLimit)
}

// change is what the event did, if it may have changed something: requests to
// read, and those that components keep making of their own leases and status,
// are none.
func (x *event) change() (snapshot.APIChange, bool) {
	switch x.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
	default:
		return snapshot.APIChange{}, false
	}
	if x.Stage != "ResponseComplete" && x.Stage != "Panic" || x.ObjectRef == nil {
		return snapshot.APIChange{}, false
	}
	o := x.ObjectRef
	own := strings.HasPrefix(x.User.Username, "system:")
	if own && (o.Resource == "leases" || o.Resource == "events" || o.Subresource == "status" || o.Subresource == "token" || strings.HasSuffix(o.Resource, "reviews")) {
		return snapshot.APIChange{}, false
	}
	c := snapshot.APIChange{First: x.StageTimestamp.UTC(), Last: x.StageTimestamp.UTC(), Count: 1, Verb: x.Verb,
		User: clip(x.User.Username), As: clip(x.ImpersonatedUser.Username), Agent: clip(x.UserAgent), From: newest(x.SourceIPs, 4),
		Resource: strings.Trim(clip(o.APIGroup)+"/"+clip(o.Resource)+"/"+clip(o.Subresource), "/"), Namespace: clip(o.Namespace), Name: clip(o.Name),
		Code: x.ResponseStatus.Code, Annotations: notes(x.Annotations)}
	return c, true
}

// notes are the annotations that say who else changed or refused the request.
func notes(all map[string]string) map[string]string {
	var keys []string
	for k := range all {
		if strings.Contains(k, "webhook.admission") || strings.Contains(k, "patch.") || strings.HasPrefix(k, "authorization.k8s.io/") || strings.HasPrefix(k, "validation.policy.") || strings.HasPrefix(k, "pod-security.") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	out := map[string]string{}
	for _, k := range keys[:min(len(keys), maxNotes)] {
		value := clip(all[k])
		if strings.HasPrefix(k, "patch.webhook") { // has the body of the patch
			value = ""
		}
		out[clip(k)] = value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// addChange adds a change, or counts it with the one that is the same.
func addChange(list []snapshot.APIChange, c snapshot.APIChange) []snapshot.APIChange {
	for i := len(list) - 1; i >= max(0, len(list)-16); i-- {
		p := &list[i]
		if p.Verb == c.Verb && p.User == c.User && p.As == c.As && p.Agent == c.Agent && p.Resource == c.Resource && p.Namespace == c.Namespace && p.Name == c.Name && p.Code == c.Code {
			p.Count++
			p.Last, p.Offset = c.Last, c.Offset
			return list
		}
	}
	return append(list, c)
}

// clip is a value as it may be kept.
func clip(s string) string {
	s = secret.Scrub(s[:min(len(s), 8*maxText)])
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "?")
}
