package component

import (
	"encoding/csv"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Check says why a value is none of the flag's type, as the program would find
// when it reads its command line: nil where it would take it. What a program
// checks later, such as whether a file is there, is not looked at.
func (f Flag) Check(value string) error {
	if names, ok := strings.CutPrefix(f.Type, "enum("); ok {
		if all := strings.Split(strings.TrimSuffix(names, ")"), "|"); !slices.Contains(all, value) {
			return fmt.Errorf("%s is none of %s", quote(value), strings.Join(all, ", "))
		}
		return nil
	}
	check := checks[f.Type]
	if check == nil {
		return nil
	}
	if err := check(value); err != nil {
		return fmt.Errorf("%s is no %s: %w", quote(value), f.Type, err)
	}
	return nil
}

// checks are by the type's name; a type that is not here takes any text.
var checks = map[string]func(string) error{
	"bool":     func(s string) error { _, err := strconv.ParseBool(s); return plain(err) },
	"int":      signed(64),
	"int32":    signed(32),
	"int64":    signed(64),
	"uint":     unsigned(64),
	"uint32":   unsigned(32),
	"uint64":   unsigned(64),
	"Level":    signed(32),
	"float32":  func(s string) error { _, err := strconv.ParseFloat(s, 32); return plain(err) },
	"float64":  func(s string) error { _, err := strconv.ParseFloat(s, 64); return plain(err) },
	"duration": func(s string) error { _, err := time.ParseDuration(s); return plain(err) },
	"ip":       checkIP,
	"ipport":   checkIPPort,
	"urls":     checkURLs,
	"quantity": func(s string) error { _, err := Quantity(s); return err },

	"stringSlice":     checkCSV,
	"int32Slice":      each(signed(32)),
	"mapStringString": pairs("=", nil), "stringToString": pairs("=", nil), "mapStringLess": pairs("<", nil), "mapStringOne": checkPair,
	"mapStringBool": pairs("=", func(s string) error { _, err := strconv.ParseBool(s); return plain(err) }),
	"portRange":     checkPortRange,
	"ProxyMode":     oneOf("", "iptables", "ipvs", "nftables", "kernelspace"),
	"LocalMode":     oneOf("", "ClusterCIDR", "NodeCIDR", "BridgeInterface", "InterfaceNamePrefix"),
}

// plain is an error without the name of the function that made it.
func plain(err error) error {
	if n, ok := err.(*strconv.NumError); ok {
		return n.Err
	}
	if err != nil {
		return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "time: "))
	}
	return nil
}

func signed(bits int) func(string) error {
	return func(s string) error { _, err := strconv.ParseInt(s, 0, bits); return plain(err) }
}

func unsigned(bits int) func(string) error {
	return func(s string) error { _, err := strconv.ParseUint(s, 0, bits); return plain(err) }
}

func checkIP(s string) error {
	a, err := netip.ParseAddr(strings.TrimSpace(s))
	if s != "" && (err != nil || a.Zone() != "") {
		return fmt.Errorf("not an IP address")
	}
	return nil
}

func checkIPPort(s string) error {
	if _, err := netip.ParseAddrPort(s); err == nil || s == "" {
		return nil
	}
	return checkIP(s)
}

func checkURLs(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("not a URL")
		}
		if part != "*" && part != "" && (u.Scheme == "" || u.Host == "" && u.Path == "") {
			return fmt.Errorf("not a URL with scheme and host")
		}
	}
	return nil
}

// checkCSV is for lists, which are read as one line of CSV.
func checkCSV(s string) error {
	if s == "" {
		return nil
	}
	if _, err := csv.NewReader(strings.NewReader(s)).Read(); err != nil {
		return fmt.Errorf("not a list")
	}
	return nil
}

func each(check func(string) error) func(string) error {
	return func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			if err := check(strings.TrimSpace(part)); err != nil && s != "" {
				return err
			}
		}
		return nil
	}
}

func checkPair(s string) error {
	if !strings.Contains(s, "=") {
		return fmt.Errorf("%s has no =", quote(s))
	}
	return nil
}

// pairs are NAME=VALUE,NAME=VALUE, or with another sign. A check of nil takes
// any value.
func pairs(sign string, check func(string) error) func(string) error {
	return func(s string) error {
		for part := range strings.SplitSeq(s, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			_, value, ok := strings.Cut(part, sign)
			if !ok {
				return fmt.Errorf("%s has no %s", quote(part), sign)
			}
			if check != nil {
				if err := check(strings.TrimSpace(value)); err != nil {
					return fmt.Errorf("%s: %w", quote(part), err)
				}
			}
		}
		return nil
	}
}

// checkPortRange is for N, N-M and N+M.
func checkPortRange(s string) error {
	s = strings.TrimSpace(s)
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		from, to, ok = strings.Cut(s, "+")
	}
	if !ok {
		to = from
	}
	if s == "" {
		return nil
	}
	for _, p := range []string{from, to} {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || n > 65535 {
			return fmt.Errorf("not a range of ports")
		}
	}
	return nil
}

func oneOf(names ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(names, s) {
			return fmt.Errorf("none of %s", strings.Join(names[1:], ", "))
		}
		return nil
	}
}

var quantityForm = regexp.MustCompile(`^([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i))?$`)

// scales are what the suffixes of a quantity multiply by: 10 to the power of
// the first, 2 to the power of the second.
var scales = map[string][2]int{
	"": {}, "n": {-9, 0}, "u": {-6, 0}, "m": {-3, 0}, "k": {3, 0}, "M": {6, 0}, "G": {9, 0}, "T": {12, 0}, "P": {15, 0}, "E": {18, 0},
	"Ki": {0, 10}, "Mi": {0, 20}, "Gi": {0, 30}, "Ti": {0, 40}, "Pi": {0, 50}, "Ei": {0, 60},
}

// Quantity reads an amount of a resource such as 100m, 1.5 or 2Gi, as
// https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
// describes it.
func Quantity(s string) (*big.Rat, error) {
	m := quantityForm.FindStringSubmatch(s)
	if m == nil || len(s) > 64 {
		return nil, fmt.Errorf("not an amount such as 100m or 2Gi")
	}
	n, ok := new(big.Rat).SetString(m[1] + m[2])
	if !ok {
		return nil, fmt.Errorf("not an amount such as 100m or 2Gi")
	}
	scale := scales[m[3]]
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale[0], -scale[0]))), nil)
	if scale[0] < 0 {
		n.Quo(n, new(big.Rat).SetInt(ten))
	} else {
		n.Mul(n, new(big.Rat).SetInt(ten))
	}
	return n.Mul(n, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(scale[1])))), nil
}
