// Package metric reads lines of Prometheus' text format, in which etcd and the
// API server count what they do.
package metric

import (
	"strconv"
	"strings"
)

// Parse reads a line such as `name{le="0.1"} 3`, as the exposition format 0.0.4
// has it. Labels are what stands between the braces. Comments, and whatever is
// no sample, are not ok.
func Parse(line string) (name, labels string, value float64, ok bool) {
	if line == "" || line[0] == '#' {
		return "", "", 0, false
	}
	i := strings.LastIndexByte(line, ' ')
	if i < 0 {
		return "", "", 0, false
	}
	value, err := strconv.ParseFloat(line[i+1:], 64)
	name, labels, _ = strings.Cut(line[:i], "{")
	return strings.TrimSpace(name), strings.TrimSuffix(labels, "}"), value, err == nil
}

// Label returns the value of a label, "" when there is none. Values with
// escapes are cut at the first quote: those that are asked for have none.
func Label(labels, name string) string {
	for rest := labels; ; {
		i := strings.Index(rest, name+`="`)
		if i < 0 {
			return ""
		}
		value := rest[i+len(name)+2:]
		if i == 0 || rest[i-1] == ',' {
			value, _, _ = strings.Cut(value, `"`)
			return value
		}
		rest = value
	}
}
