package bundle

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// ErrLocked means that a bundle is encrypted and no identity was given.
var ErrLocked = errors.New("it is encrypted")

// ErrWrongKey means that none of the identities given opens the bundle.
var ErrWrongKey = errors.New("it is encrypted to somebody else")

// The first bytes of an encrypted file, plain and in ASCII armour.
var (
	magicAge   = []byte("age-encryption.org/")
	magicArmor = []byte("-----BEGIN AGE ENCRYPTED FILE-----")
)

// seal encrypts what is written to it, where there are recipients. Close ends
// the encryption and leaves w open.
func seal(w io.Writer, to []age.Recipient) (io.WriteCloser, error) {
	if len(to) == 0 {
		return openEnded{w}, nil
	}
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt the bundle: %w", err)
	}
	return sealed, nil
}

// openEnded is a writer whose Close leaves it open.
type openEnded struct{ io.Writer }

func (openEnded) Close() error { return nil }

// unseal decrypts r when it is encrypted.
func unseal(r io.Reader, with []age.Identity) (plain io.Reader, encrypted bool, err error) {
	b := bufio.NewReader(r)
	head, _ := b.Peek(len(magicArmor))
	var in io.Reader = b
	switch {
	case bytes.HasPrefix(head, magicAge):
	case bytes.Equal(head, magicArmor):
		in = armor.NewReader(b)
	default:
		return b, false, nil
	}
	if len(with) == 0 {
		return nil, true, ErrLocked
	}
	plain, err = age.Decrypt(in, with...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, true, ErrWrongKey
	}
	return plain, true, err
}
