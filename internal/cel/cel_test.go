package cel

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	library "cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// corpus are expressions in what both know. Each gives the same here as in the
// library, or an error in both.
var corpus = []string{
	`1 + 2 * 3`, `(1 + 2) * 3`, `7 / 2`, `-7 / 2`, `-7 % 3`, `7 % -3`, `1 / 0`, `1 % 0`, `9223372036854775807 + 1`, `-9223372036854775807 - 2`,
	`4611686018427387904 * 2`, `1u + 2u`, `1u - 2u`, `3u * 4u`, `1.5 + 2.0`, `1.0 / 0.0`, `1e3`, `.5`, `0x1F`, `0x1fu`, `1 == 1.0`, `1u == 1`, `2 < 2.5`, `-1 < 1u`,
	`"a" + "b"`, `'a' == "a"`, `"""a "quoted" b"""`, `r"\d"`, `"\x41\u00e9\n\101"`, `"b" < "a"`, `size("héé")`, `"abc".size()`,
	`"abc".contains("b")`, `"abc".startsWith("ab")`, `"abc".endsWith("ab")`, `"abc".matches("^a.c$")`, `"abc".matches("[")`,
	`true && false`, `true || 1 / 0 == 1`, `1 / 0 == 1 || true`, `1 / 0 == 1 && false`, `1 / 0 == 1 && true`, `!true`, `!!false`, `true ? 1 : 2`, `false ? 1 / 0 : 2`, `true == !false`,
	`[1, 2, 3][1]`, `[1, 2][2]`, `[1] + [2, 3]`, `2 in [1, 2]`, `4 in [1, 2]`, `size([])`, `[1, 2] == [1, 2]`, `[1, 2] == [2, 1]`, `[[1], [2]] == [[1], [2]]`,
	`{"a": 1}["a"]`, `{"a": 1}.a`, `{"a": 1}["b"]`, `"a" in {"a": 1}`, `size({"a": 1, "b": 2})`, `{"a": 1} == {"a": 1}`, `{"a": 1} == {"a": 2}`, `{1: "x"}[1]`, `{"a": 1, "a": 2}.a`,
	`has({"a": 1}.a)`, `has({"a": 1}.b)`, `[1, 2, 3].all(x, x > 0)`, `[1, 2, 3].exists(x, x > 2)`, `[1, 2, 3].exists_one(x, x > 2)`, `[1, 2].exists_one(x, x > 0)`,
	`[1, 2, 3].filter(x, x % 2 == 1)`, `[1, 2, 3].map(x, x * x)`, `[1, 2, 3].map(x, x > 1, x * x)`, `{"b": 1, "a": 2}.all(k, k != "")`,
	`[1, 0].exists(x, 1 / x == 1)`, `[0, 1].exists(x, 1 / x == 1)`, `[0].all(x, 1 / x == 1)`, `[0, 2].all(x, 1 / x == 1)`, `[].all(x, false)`, `[].exists(x, true)`,
	`[[1, 2], [3]].map(x, x.size())`, `[1].map(x, [2].map(x, x + 1))`, `null == null`, `null == 1`, `[null, 1][0] == null`,
	`int("12")`, `int("x")`, `int(3.9)`, `int(-3.9)`, `double("1.5")`, `double(2)`, `string(1)`, `string(1.5)`, `string(true)`, `uint(3)`, `uint(-1)`, `int(18446744073709551615u)`,
	`duration("90s") > duration("1m")`, `duration("1h") + duration("30m") == duration("90m")`, `duration("1x")`, `string(duration("90s"))`,
	`timestamp("2026-01-02T03:04:05Z") + duration("1h") == timestamp("2026-01-02T04:04:05Z")`, `timestamp("2026-01-02T03:04:05Z") - timestamp("2026-01-02T03:04:04Z") == duration("1s")`,
	`timestamp("2026-01-02T03:04:05Z") < timestamp("2026-01-02T03:04:06Z")`, `int(timestamp("1970-01-01T00:01:00Z"))`, `string(timestamp("2026-01-02T03:04:05Z"))`, `timestamp("never")`,
	`m.a + 1`, `m.list.size()`, `m.nested.x == "y"`, `has(m.none)`, `m.none`, `m["a"]`, `"a" in m`, `m.list.map(x, x + m.a)`, `m.list[0] == 5 ? "five" : "other"`,
	"1 // a comment\n + 2", `"a" == 'b' || "c" in ["c"]`, `-(1 + 2)`, `-1 - -1`, `1 - 1 - 1`, `2 - (1 - 1)`, `1 < 2 == true`, `!(1 > 2)`,
	// errors in both
	`1 +`, `(1`, `[1`, `{1`, `"a`, `1 2`, `a b`, `unknown`, `1.x`, `"a" - "b"`, `1 + "a"`, `1 == "a"`, `true && 1`, `!1`, `-"a"`, `size(1)`, `nofunction(1)`, `"a".nomethod()`,
	`[1].all(x)`, `[1].all(1, true)`, `1 in 2`, `1 ? 2 : 3`, `has(m)`, `1 && true`, `[1].filter(x, x)`, `"abc".contains(1)`, `in`, `1..2`, `"\q"`, `08`, `?`, `m.`, `[1,2].map(x, y)`,
}

var sample = map[string]any{"a": int64(1), "list": []any{int64(5), int64(6)}, "nested": map[string]any{"x": "y"}}

// byLibrary evaluates as the library does.
func byLibrary(src string) (any, error) {
	env, err := library.NewEnv(library.Variable("m", library.MapType(library.StringType, library.DynType)))
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(src)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	p, err := env.Program(ast)
	if err != nil {
		return nil, err
	}
	v, _, err := p.Eval(map[string]any{"m": sample})
	if err != nil {
		return nil, err
	}
	return v, nil
}

func byUs(src string) (any, error) {
	p, err := Compile(src, map[string]reflect.Type{"m": reflect.TypeFor[map[string]any]()}, nil)
	if err != nil {
		return nil, err
	}
	return p.Eval(map[string]any{"m": sample})
}

// plain renders the answers of both alike.
func plain(v any) string {
	if r, ok := v.(ref.Val); ok {
		switch r.Type() {
		case types.ListType:
			native, _ := r.ConvertToNative(reflect.TypeFor[[]ref.Val]())
			var out []string
			for _, x := range native.([]ref.Val) {
				out = append(out, plain(x))
			}
			return fmt.Sprint(out)
		case types.NullType:
			return "<nil>"
		}
		v = r.Value()
	}
	switch x := v.(type) {
	case []any:
		var out []string
		for _, y := range x {
			out = append(out, plain(y))
		}
		return fmt.Sprint(out)
	case time.Time:
		return x.UTC().String()
	}
	return fmt.Sprintf("%T %v", v, v)
}

func TestAsTheLibrary(t *testing.T) {
	for _, src := range corpus {
		want, err := byLibrary(src)
		got, err2 := byUs(src)
		switch {
		case (err == nil) != (err2 == nil):
			t.Errorf("%s: %v, %v; the library has %v, %v", src, got, err2, want, err)
		case err == nil && plain(got) != plain(want):
			t.Errorf("%s: %s; the library has %s", src, plain(got), plain(want))
		}
	}
}

// A unit and a node stand for evidence.
type unit struct {
	Name   string    `json:"name"`
	Active string    `json:"active,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Mode   uint32    `json:"mode"`
}

type base1 struct {
	Path string `json:"path"`
}

type systemd struct {
	Units []unit `json:"units"`
	base1
	Labels map[string]string `json:"labels"`
}

type node struct {
	Node    string    `json:"node"`
	At      time.Time `json:"at"`
	Systemd *systemd  `json:"systemd,omitempty"`
	Limit   *int      `json:"limit,omitempty"`
	Hidden  string    `json:"-"`
}

func evidence() *node {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return &node{Node: "cp1", At: at, Systemd: &systemd{base1: base1{"/run"}, Labels: map[string]string{"a": "b"},
		Units: []unit{{Name: "a.service", Active: "active", Mode: 0o644}, {Name: "b.service", Active: "failed", Since: at.Add(-time.Hour)}}}}
}

var vars = map[string]reflect.Type{"snapshot": reflect.TypeFor[node]()}

func TestStructs(t *testing.T) {
	for src, want := range map[string]string{
		`snapshot.node == "cp1"`:                                                              "bool true",
		`snapshot.systemd.units.exists(u, u.active == "failed")`:                              "bool true",
		`snapshot.systemd.units.filter(u, snapshot.at - u.since < duration("2h"))[0].name`:    "string b.service",
		`snapshot.systemd.path`:                                                               "string /run",
		`snapshot.systemd.labels.a`:                                                           "string b",
		`has(snapshot.limit)`:                                                                 "bool false",
		`snapshot.limit`:                                                                      "int64 0",
		`has(snapshot.systemd) && has(snapshot.systemd.units)`:                                "bool true",
		`snapshot.systemd.units[0].mode == 420`:                                               "bool true",
		`snapshot.systemd.units[0] == snapshot.systemd.units[1]`:                              "bool false",
		`snapshot.systemd.units.map(u, u.name).exists(n, n.endsWith(".service"))`:             "bool true",
		`"a.service" in snapshot.systemd.units.map(u, u.name)`:                                "bool true",
		`snapshot.systemd.units.exists_one(u, u.name.matches("^b"))`:                          "bool true",
		`size(snapshot.systemd.labels) + size(snapshot.systemd.units)`:                        "int64 3",
		`string(snapshot.at) + " " + string(snapshot.at - timestamp("2026-01-02T03:00:00Z"))`: "string 2026-01-02T03:04:05Z 245s",
	} {
		p, err := Compile(src, vars, nil)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if got, err := p.Eval(map[string]any{"snapshot": evidence()}); err != nil || plain(got) != want {
			t.Errorf("%s: %s, %v; want %s", src, plain(got), err, want)
		}
		if _, err := p.Eval(map[string]any{"snapshot": &node{}}); err != nil && !strings.Contains(src, "[") && !strings.Contains(src, "labels.a") {
			t.Errorf("%s: of nothing: %v", src, err)
		}
	}
}

func TestCheckedBeforehand(t *testing.T) {
	for src, want := range map[string]string{
		"snapshot.nodes": `1:10: node has no field "nodes"; it has node, at, systemd, limit`,
		"snapshot.systemd.units.exists(u,\n u.naem == 1)": `2:4: unit has no field "naem"`,
		`snapshot.systemd != null`:                        "an object is never null; has() says whether it is there",
		`snapshot.node.matches("[")`:                      "error parsing regexp",
		`snapshot.node > 1`:                               "a string is compared with a int",
		`snapshot.systemd.units.name`:                     "a list of unit has no fields",
		`snapshot.node`:                                   "this is of type string, and bool is wanted",
		`snapshot.systemd.units[snapshot.node]`:           "this is of type string, and int is wanted",
		`snapshot.node.map(x, x)`:                         "map goes over a list or a map",
		strings.Repeat("(", 500):                          "nests too deep",
		strings.Repeat("!", 500) + "true":                 "nests too deep",
	} {
		_, err := Compile(src, vars, true)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", src, err, want)
		}
	}
}

func TestReadsAndAsks(t *testing.T) {
	p, err := Compile(`has(snapshot.limit) && snapshot.systemd.units.exists(u, u.name == snapshot.node) && has(snapshot.systemd.path)`, vars, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Reads, p.Asks); got != "[snapshot.systemd snapshot.node] [snapshot.limit]" {
		t.Errorf("%s", got)
	}
}

func TestSteps(t *testing.T) {
	big := make([]any, 3000)
	for i := range big {
		big[i] = int64(i)
	}
	p, err := Compile(`m.list.all(a, m.list.all(b, a + b >= 0 || true))`, map[string]reflect.Type{"m": reflect.TypeFor[map[string]any]()}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Eval(map[string]any{"m": map[string]any{"list": big}}); !errors.Is(err, errSteps) {
		t.Errorf("nine million steps end with %v", err)
	}
}

// What stops at the first element costs the list all the same, and several
// evaluations share a budget.
func TestBudget(t *testing.T) {
	big := make([]any, 3000)
	for i := range big {
		big[i] = int64(i)
	}
	vars, m := map[string]any{"m": map[string]any{"list": big}}, map[string]reflect.Type{"m": reflect.TypeFor[map[string]any]()}
	for _, src := range []string{
		`m.list.all(a, m.list.exists(b, true))`, `m.list.all(a, m.list[0] == 0)`, `m.list.all(a, m.list == m.list)`,
	} {
		p, err := Compile(src, m, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Eval(vars); !errors.Is(err, errSteps) {
			t.Errorf("%s ends with %v", src, err)
		}
	}
	p, err := Compile(`m.list.all(a, a >= 0)`, m, true)
	if err != nil {
		t.Fatal(err)
	}
	var b Budget
	for range 1000 {
		if _, err = p.Within(&b, vars); err != nil {
			break
		}
	}
	if !errors.Is(err, errSteps) {
		t.Errorf("a thousand evaluations within one budget end with %v", err)
	}
}

func TestElements(t *testing.T) {
	p, err := Compile(`snapshot.systemd.units.filter(u, u.active != "active")`, vars, nil)
	if err != nil || p.Element() != reflect.TypeFor[unit]() {
		t.Fatalf("%v, %v", p, err)
	}
	v, err := p.Eval(map[string]any{"snapshot": evidence()})
	list, ok := Elements(v)
	if err != nil || !ok || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	name, err := Compile(`it.name + "!"`, map[string]reflect.Type{"it": p.Element()}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := name.Eval(map[string]any{"it": list[0]}); err != nil || got != "b.service!" {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzEval(f *testing.F) {
	for _, src := range corpus {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > 400 {
			return
		}
		p, err := Compile(src, map[string]reflect.Type{"m": reflect.TypeFor[map[string]any]()}, nil)
		if err == nil {
			p.Eval(map[string]any{"m": sample})
		}
	})
}
