package trail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"time"

	"github.com/klustered/klustered/internal/collect/source"
	"github.com/klustered/klustered/snapshot"
)

const (
	utmpSize   = 384 // bytes of a record of utmp(5) on 64 bit Linux
	lastSize   = 292 // of lastlog: time, line, host
	utmpBytes  = 2 << 20
	loginLimit = 100
	lastLimit  = 64
)

// logins reads wtmp, btmp and lastlog. Only the ends of the first two are read.
func logins(e *source.Env, t *snapshot.Trail) error {
	var errs []error
	for _, name := range []string{"/var/log/wtmp", "/var/log/btmp"} {
		data, size, err := wholeRecords(e, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list, file := parseUtmp(data, name)
		file.Size, file.Odd = size, size%utmpSize
		t.Logins = append(t.Logins, newest(list, loginLimit)...)
		t.Records = append(t.Records, file)
	}
	if data, size, err := lastlog(e); err == nil {
		t.Last = parseLastlog(data)
		t.Records = append(t.Records, snapshot.LoginFile{Path: "/var/log/lastlog", Size: size, Records: len(t.Last), Odd: size % lastSize})
	} else if !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	var real []error
	for _, err := range errs {
		if !errors.Is(err, fs.ErrNotExist) {
			real = append(real, err)
		}
	}
	return errors.Join(real...)
}

// wholeRecords reads the end of a file of records.
func wholeRecords(e *source.Env, name string) ([]byte, int64, error) {
	f, err := e.Open(name)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	size := info.Size()
	from := max(0, size-utmpBytes) / utmpSize * utmpSize
	data := make([]byte, size-from)
	n, err := f.ReadAt(data, from)
	if n < len(data) && err != nil {
		return nil, size, fmt.Errorf("cannot read %q: %w", name, err)
	}
	return data, size, nil
}

// lastlog reads the records of the users with low numbers. One of a domain,
// with a number in the millions, makes the file gigabytes long, nearly all of
// them a hole.
func lastlog(e *source.Env) ([]byte, int64, error) {
	f, err := e.Open("/var/log/lastlog")
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	data, err := io.ReadAll(io.NewSectionReader(f, 0, utmpBytes))
	return data, info.Size(), err
}

// kinds are the types of utmp(5).
var kinds = []string{"", "runlevel", "boot", "clock-new", "clock-old", "init", "login", "user", "logout", "accounting"}

// parseUtmp reads records of utmp(5), as glibc lays them out on 64 bit Linux.
func parseUtmp(data []byte, name string) ([]snapshot.Login, snapshot.LoginFile) {
	file := snapshot.LoginFile{Path: name}
	var list []snapshot.Login
	var before time.Time
	for ; len(data) >= utmpSize; data = data[utmpSize:] {
		b := data[:utmpSize]
		file.Records++
		if len(bytes.Trim(b, "\x00")) == 0 {
			file.Zeroed++
			continue
		}
		kind := int(int16(binary.LittleEndian.Uint16(b)))
		l := snapshot.Login{Source: name, Kind: fmt.Sprint(kind), PID: int32(binary.LittleEndian.Uint32(b[4:])),
			Line: text(b[8:40]), User: text(b[44:76]), Host: text(b[76:332]),
			Time: time.Unix(int64(binary.LittleEndian.Uint32(b[340:])), int64(binary.LittleEndian.Uint32(b[344:])%1e6)*1000).UTC()}
		if kind > 0 && kind < len(kinds) {
			l.Kind = kinds[kind]
		}
		if strings.HasSuffix(name, "btmp") {
			l.Kind = "failed"
		}
		l.Addr = address(b[348:364])
		if l.Time.Before(before) {
			file.Backward++
		}
		before = l.Time
		list = append(list, l)
	}
	return list, file
}

// address is ut_addr_v6: an IPv4 address in the first four bytes, or an IPv6.
func address(b []byte) string {
	if len(bytes.Trim(b, "\x00")) == 0 {
		return ""
	}
	if len(bytes.Trim(b[4:], "\x00")) == 0 {
		return netip.AddrFrom4([4]byte(b[:4])).String()
	}
	return netip.AddrFrom16([16]byte(b)).String()
}

func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return clip(strings.ToValidUTF8(string(b), "?"))
}

// parseLastlog reads lastlog: the record of a user lies at its number.
func parseLastlog(data []byte) []snapshot.Login {
	var list []snapshot.Login
	for uid := 0; len(data) >= lastSize && len(list) < lastLimit; uid, data = uid+1, data[lastSize:] {
		if at := binary.LittleEndian.Uint32(data); at != 0 {
			list = append(list, snapshot.Login{Source: "/var/log/lastlog", Kind: "last", User: fmt.Sprint(uid),
				Time: time.Unix(int64(at), 0).UTC(), Line: text(data[4:36]), Host: text(data[36:lastSize])})
		}
	}
	return list
}
