package raw

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/journal"
	"github.com/klustered/klustered/internal/collect/kmsg"
	"github.com/klustered/klustered/internal/collect/secret"
	"github.com/klustered/klustered/snapshot"
)

// logs keeps the ends of the logs that s quotes.
func (g *gatherer) logs(ctx context.Context, s *snapshot.Snapshot) {
	if s.Logs == nil {
		return
	}
	var units []string
	for _, name := range sources(s.Logs) {
		switch unit, isUnit := strings.CutPrefix(name, "journal:"); {
		case ctx.Err() != nil:
			return
		case isUnit:
			units = append(units, unit)
		case name == "kmsg":
			g.kmsg()
		case strings.HasPrefix(name, "/"):
			g.log(name)
		}
	}
	if len(units) > 0 {
		g.journal(ctx, units)
	}
}

// sources are the names of the logs that are quoted.
func sources(l *snapshot.Logs) []string {
	var out []string
	for _, x := range l.Tails {
		out = append(out, x.Source)
	}
	for _, x := range l.Observations {
		out = append(out, x.Source)
	}
	for _, x := range l.Bursts {
		out = append(out, x.Source)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (g *gatherer) journal(ctx context.Context, units []string) {
	j, err := journal.Open(g.env.FS(), journal.Dirs...)
	if err != nil {
		g.add(File{Source: "journal", Error: err.Error()})
		return
	}
	defer j.Close()
	for _, unit := range units {
		if ctx.Err() != nil {
			return
		}
		var lines []string
		for e := range j.Entries(query(unit)) {
			lines = append(lines, entryLine(e))
		}
		slices.Reverse(lines) // the newest came first
		g.add(File{Source: "journal:" + unit, Data: []byte(scrubTail(strings.Join(lines, ""))), Cut: len(lines) == maxEntries})
	}
}

// query asks for a stream of the journal by the name under which it is quoted.
func query(unit string) journal.Query {
	switch unit {
	case "kernel":
		return journal.Query{Transports: []string{"kernel"}, Tail: maxEntries}
	case "systemd":
		return journal.Query{Units: []string{"init.scope"}, Tail: maxEntries}
	}
	return journal.Query{Units: []string{unit}, Tail: maxEntries}
}

// entryLine writes an entry as journalctl's short-iso does, in UTC.
func entryLine(e *journal.Entry) string {
	name := e.Identifier()
	if pid := e.Get("_PID"); pid != nil {
		name += "[" + string(pid) + "]"
	}
	return fmt.Sprintf("%s %s: %s\n", e.Realtime.UTC().Format(time.RFC3339Nano), name, strings.ToValidUTF8(e.Message(), "?"))
}

func (g *gatherer) kmsg() {
	records, lost, err := kmsg.Read(kmsg.Path)
	f := File{Source: "kmsg", Cut: lost > 0}
	if err != nil {
		f.Error = err.Error()
	}
	var b strings.Builder
	for _, k := range records {
		fmt.Fprintf(&b, "[%12.6f] %s\n", k.Since.Seconds(), k.Text)
	}
	f.Data = []byte(scrubTail(b.String()))
	g.add(f)
}

// maxKey is how many lines of a private key can stand before its end.
const maxKey = 100

// keyEnd is the last line of a private key in PEM.
var keyEnd = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY-----`)

// scrubTail replaces secrets in the end of a log. It may begin within a
// private key: of one that ends and does not begin, the lines before go.
func scrubTail(text string) string {
	text = secret.Scrub(text) // every key that begins is gone
	end := keyEnd.FindStringIndex(text)
	if end == nil {
		return text
	}
	from := end[1]
	for n := 0; n < maxKey && from > 0; n++ {
		from = strings.LastIndexByte(text[:from], '\n')
	}
	from = max(from, 0)
	return text[:from] + secret.Mark(text[from:end[1]]) + text[end[1]:]
}

// log keeps the end of a log file.
func (g *gatherer) log(name string) {
	data, cut, err := g.tail(name)
	f := File{Source: name, Data: []byte(scrubTail(strings.ToValidUTF8(string(data), "?"))), Cut: cut}
	if err != nil {
		f.Error = err.Error()
	}
	g.add(f)
}

func (g *gatherer) tail(name string) (data []byte, cut bool, err error) {
	file, err := g.env.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer file.Close()
	var info fs.FileInfo
	if info, err = file.Stat(); err != nil {
		return nil, false, err
	}
	from := max(0, info.Size()-maxLog)
	data, err = io.ReadAll(io.NewSectionReader(file, from, maxLog))
	return data, from > 0, err
}
