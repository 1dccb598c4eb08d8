package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/klustered/klustered/internal/collect/journal"
)

// TestDamageIsToldInShort: of a journal with thousands of damaged places the
// first are told, each once.
func TestDamageIsToldInShort(t *testing.T) {
	var told []string
	r := &logsReading{told: map[string]bool{}, tell: func(s string) { told = append(told, s) }}
	damage := &journal.DamageError{Damages: make([]journal.Damage, 10), More: 90}
	r.fail(damage)
	r.fail(damage)
	r.fail(errors.New("other"))
	if len(told) != 5 || !strings.Contains(told[3], "97 places more") || told[4] != "other" {
		t.Errorf("got %q", told)
	}
}
