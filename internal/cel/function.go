package cel

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A function takes values, of those types where they are named.
type function struct {
	args  [][]base
	gives base
	do    func(v []any) (any, error)
}

func texts(gives base, do func(a, b string) (any, error)) function {
	return function{[][]base{{stringT}, {stringT}}, gives, func(v []any) (any, error) {
		a, ok1 := v[0].(string)
		b, ok2 := v[1].(string)
		if !ok1 || !ok2 {
			return nil, errors.New("it works on texts")
		}
		return do(a, b)
	}}
}

// functions are those of the language's standard that evidence calls for. The
// value that a method is called on is its first.
var functions = map[string]function{
	"size":       {[][]base{{stringT, listT, mapT}}, intT, size},
	"contains":   texts(boolT, func(a, b string) (any, error) { return strings.Contains(a, b), nil }),
	"startsWith": texts(boolT, func(a, b string) (any, error) { return strings.HasPrefix(a, b), nil }),
	"endsWith":   texts(boolT, func(a, b string) (any, error) { return strings.HasSuffix(a, b), nil }),
	"matches":    texts(boolT, matches),
	"string":     {[][]base{{}}, stringT, toString},
	"int":        {[][]base{{}}, intT, toInt},
	"uint":       {[][]base{{}}, uintT, toUint},
	"double":     {[][]base{{}}, doubleT, toDouble},
	"duration":   {[][]base{{stringT, durationT}}, durationT, toDuration},
	"timestamp":  {[][]base{{stringT, timeT, intT}}, timeT, toTime},
}

func size(v []any) (any, error) {
	n, ok := length(v[0])
	if !ok {
		return nil, fmt.Errorf("a %s has no size", kindOf(v[0]))
	}
	return int64(n), nil
}

func matches(text, pattern string) (any, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return re.MatchString(text), nil
}

func toString(v []any) (any, error) {
	switch x := v[0].(type) {
	case string:
		return x, nil
	case bool, int64, uint64:
		return fmt.Sprint(x), nil
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case time.Time:
		return x.UTC().Format(time.RFC3339Nano), nil
	case time.Duration:
		return strconv.FormatFloat(x.Seconds(), 'f', -1, 64) + "s", nil
	}
	return nil, fmt.Errorf("a %s is no text", kindOf(v[0]))
}

func toInt(v []any) (any, error) {
	switch x := v[0].(type) {
	case int64:
		return x, nil
	case uint64:
		if x <= math.MaxInt64 {
			return int64(x), nil
		}
	case float64:
		if x > math.MinInt64 && x < math.MaxInt64 {
			return int64(x), nil
		}
	case string:
		return strconv.ParseInt(x, 10, 64)
	case time.Time:
		return x.Unix(), nil
	}
	return nil, fmt.Errorf("this %s is no int", kindOf(v[0]))
}

func toUint(v []any) (any, error) {
	switch x := v[0].(type) {
	case uint64:
		return x, nil
	case int64:
		if x >= 0 {
			return uint64(x), nil
		}
	case float64:
		if x >= 0 && x < math.MaxUint64 {
			return uint64(x), nil
		}
	case string:
		return strconv.ParseUint(x, 10, 64)
	}
	return nil, fmt.Errorf("this %s is no uint", kindOf(v[0]))
}

func toDouble(v []any) (any, error) {
	if x, ok := v[0].(string); ok {
		return strconv.ParseFloat(x, 64)
	}
	if x, ok := float(v[0]); ok {
		return x, nil
	}
	return nil, fmt.Errorf("a %s is no double", kindOf(v[0]))
}

func toDuration(v []any) (any, error) {
	switch x := v[0].(type) {
	case time.Duration:
		return x, nil
	case string:
		return time.ParseDuration(x)
	}
	return nil, fmt.Errorf("a %s is no duration", kindOf(v[0]))
}

func toTime(v []any) (any, error) {
	switch x := v[0].(type) {
	case time.Time:
		return x, nil
	case int64:
		return time.Unix(x, 0).UTC(), nil
	case string:
		return time.Parse(time.RFC3339Nano, x)
	}
	return nil, fmt.Errorf("a %s is no timestamp", kindOf(v[0]))
}

// ints does whole numbers; what does not fit is none.
func ints(op string, x, y int64) (any, bool) {
	switch op {
	case "+":
		s := x + y
		return s, (s > x) == (y > 0)
	case "-":
		d := x - y
		return d, (d < x) == (y > 0)
	case "*":
		if x == 0 || y == 0 {
			return int64(0), true
		}
		p := x * y
		return p, p/y == x && !(x == -1 && y == math.MinInt64) && !(y == -1 && x == math.MinInt64)
	case "/":
		if y == 0 || x == math.MinInt64 && y == -1 {
			return nil, false
		}
		return x / y, true
	case "%":
		if y == 0 || x == math.MinInt64 && y == -1 {
			return nil, false
		}
		return x % y, true
	}
	return nil, false
}

func uints(op string, x, y uint64) (any, bool) {
	switch op {
	case "+":
		s, carry := bits.Add64(x, y, 0)
		return s, carry == 0
	case "-":
		return x - y, x >= y
	case "*":
		hi, lo := bits.Mul64(x, y)
		return lo, hi == 0
	case "/":
		if y == 0 {
			return nil, false
		}
		return x / y, true
	case "%":
		if y == 0 {
			return nil, false
		}
		return x % y, true
	}
	return nil, false
}

func floats(op string, x, y float64) (any, bool) {
	switch op {
	case "+":
		return x + y, true
	case "-":
		return x - y, true
	case "*":
		return x * y, true
	case "/":
		return x / y, true
	}
	return nil, false
}

func times(op string, a, b any) (any, bool) {
	switch x := a.(type) {
	case time.Time:
		switch y := b.(type) {
		case time.Duration:
			if op == "-" {
				y = -y
			}
			return x.Add(y), op == "+" || op == "-"
		case time.Time:
			return x.Sub(y), op == "-"
		}
	case time.Duration:
		switch y := b.(type) {
		case time.Time:
			return y.Add(x), op == "+"
		case time.Duration:
			if op == "-" {
				y = -y
			}
			return x + y, op == "+" || op == "-"
		}
	}
	return nil, false
}
