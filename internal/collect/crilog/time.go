package crilog

import (
	"errors"
	"io"
	"time"
)

var errTime = errors.New("cannot parse log line: its time is no RFC 3339 time")

// parseTime reads an RFC 3339 time; those in UTC, as all runtimes write, by
// their digits.
func parseTime(b []byte) (time.Time, error) {
	const least = len("2006-01-02T15:04:05Z")
	if len(b) >= least && b[len(b)-1] == 'Z' {
		if t, ok := parseUTC(b[:len(b)-1]); ok {
			return t, nil
		}
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return t, errTime
	}
	return t, nil
}

// parseUTC reads "2006-01-02T15:04:05" with up to nine more digits after a
// point.
func parseUTC(b []byte) (time.Time, bool) {
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return time.Time{}, false
	}
	var n [6]int
	for i, at := range [6][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}} {
		for _, c := range b[at[0]:at[1]] {
			if c < '0' || c > '9' {
				return time.Time{}, false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	nano := 0
	if rest := b[19:]; len(rest) > 0 {
		if rest[0] != '.' || len(rest) < 2 || len(rest) > 10 {
			return time.Time{}, false
		}
		for i := 1; i < 10; i++ {
			nano *= 10
			if i < len(rest) {
				if rest[i] < '0' || rest[i] > '9' {
					return time.Time{}, false
				}
				nano += int(rest[i] - '0')
			}
		}
	}
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 28 || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		return time.Time{}, false // days that not each month has, and leap seconds, are left to time.Parse
	}
	return time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], nano, time.UTC), true
}

const probeSize = 64 << 10

// Seek returns an offset at which a line begins, such that no line before it
// is as new as t. It bisects: the lines of a log are in the order of time. at
// reads the time of a line.
func Seek(r io.ReaderAt, size int64, t time.Time, at func(line []byte) (time.Time, bool)) int64 {
	low, high := int64(0), size
	buf := make([]byte, probeSize)
	for high-low > probeSize {
		mid := low + (high-low)/2
		n, _ := r.ReadAt(buf[:min(probeSize, high-mid)], mid)
		off, when, ok := firstTime(buf[:n], at)
		if ok && when.Before(t) {
			low = mid + off
		} else {
			high = mid
		}
	}
	return low
}

// firstTime finds the first line in b that is whole and has a time.
func firstTime(b []byte, at func([]byte) (time.Time, bool)) (int64, time.Time, bool) {
	start := -1
	for i, c := range b {
		if c != '\n' {
			continue
		}
		if start >= 0 {
			if t, ok := at(b[start:i]); ok {
				return int64(start), t, true
			}
		}
		start = i + 1
	}
	return 0, time.Time{}, false
}

// TimeOf reads the time of a line of a container's log.
func TimeOf(line []byte) (time.Time, bool) {
	if len(line) > 0 && line[0] == '{' {
		r, err := Parse(line)
		return r.Time, err == nil
	}
	i := 0
	for i < len(line) && line[i] != ' ' {
		i++
	}
	t, err := parseTime(line[:i])
	return t, err == nil
}
