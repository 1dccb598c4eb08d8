package packed

import (
	"bytes"
	"maps"
	"strings"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	files := Files{"a/b": []byte(strings.Repeat("text ", 9000)), "c": {}, "d": []byte("\x00\xff")}
	data, err := Pack(files)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Pack(files); err != nil || !bytes.Equal(again, data) {
		t.Errorf("packed otherwise the second time: %v", err)
	}
	if len(data) > 1000 {
		t.Errorf("%d bytes", len(data))
	}
	got, err := Unpack(data)
	if err != nil || !maps.EqualFunc(got, files, bytes.Equal) {
		t.Errorf("%v, %v", got, err)
	}
	for n := range data {
		if _, err := Unpack(data[:n]); err == nil && n > 0 {
			t.Errorf("cut off after %d bytes: no error", n)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	data, err := Pack(Files{"a": []byte("b")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) { Unpack(data) })
}
