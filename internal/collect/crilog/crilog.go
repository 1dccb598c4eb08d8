// Package crilog reads the ends of containers' log files, as the CRI defines
// them and as docker's json-file driver writes them.
package crilog

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"
)

// A Record is one line of a log file. A long line of the container takes
// several records, all but the last of them partial.
type Record struct {
	Time    time.Time
	Stream  string // stdout or stderr
	Partial bool
	Text    string // without its newline
}

// Parse reads a line of either form, without its newline.
func Parse(line []byte) (Record, error) {
	if len(line) > 0 && line[0] == '{' {
		return parseJSON(line)
	}
	return parseCRI(line)
}

// parseCRI reads "time stream tags text"; tags are separated by colons and the
// first says whether the line is full, F, or partial, P.
func parseCRI(line []byte) (Record, error) {
	stamp, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return Record{}, errors.New("cannot parse log line: it has no time")
	}
	at, err := parseTime(stamp)
	if err != nil {
		return Record{}, err
	}
	stream, rest, _ := bytes.Cut(rest, []byte(" "))
	if s := string(stream); s != "stdout" && s != "stderr" {
		return Record{}, errors.New("cannot parse log line: it names no stream")
	}
	tags, text, ok := bytes.Cut(rest, []byte(" "))
	tag, _, _ := bytes.Cut(tags, []byte(":"))
	if t := string(tag); !ok || t != "F" && t != "P" {
		return Record{}, errors.New("cannot parse log line: it is neither full nor partial")
	}
	return Record{Time: at, Stream: string(stream), Partial: tag[0] == 'P', Text: string(text)}, nil
}

// parseJSON reads docker's form, in which a full line ends in a newline.
func parseJSON(line []byte) (Record, error) {
	var v struct {
		Log    *string
		Stream string
		Time   time.Time
	}
	if err := json.Unmarshal(line, &v); err != nil || v.Log == nil {
		return Record{}, errors.New("cannot parse log line: it is no json-file record")
	}
	text, full := *v.Log, false
	if n := len(text); n > 0 && text[n-1] == '\n' {
		text, full = text[:n-1], true
	}
	return Record{Time: v.Time.UTC(), Stream: v.Stream, Partial: !full, Text: text}, nil
}
