package jhash

import "testing"

func TestSiphash24(t *testing.T) {
	// The reference vectors of SipHash-2-4: key 00..0f, input 00, 01, ...
	var key [16]byte
	in := make([]byte, 16)
	for i := range key {
		key[i], in[i] = byte(i), byte(i)
	}
	for n, want := range map[int]uint64{
		0: 0x726fdb47dd0e0e31, 1: 0x74f839c593dc67fd, 8: 0x93f5f5799a932462, 15: 0xa129ca6149be45e5,
	} {
		if got := Sip24(in[:n], key); got != want {
			t.Errorf("%d bytes: %#x, want %#x", n, got, want)
		}
	}
}

func TestLookup3(t *testing.T) {
	// From the self test in Jenkins' lookup3.c: the first half is c, the
	// second b.
	for in, want := range map[string]uint64{
		"":                               0xdeadbeefdeadbeef,
		"Four score and seven years ago": 0x17770551ce7226e6,
	} {
		if got := Lookup3([]byte(in)); got != want {
			t.Errorf("%q: %#x, want %#x", in, got, want)
		}
	}
}
