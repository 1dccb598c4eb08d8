package engine

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestCommandErrorKeepsArgvAndStderr(t *testing.T) {
	_, err := Command(context.Background(), nil, "sh", "-c", "echo wrong >&2; exit 7")
	var failed *CommandError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v, want a CommandError", err)
	}
	if failed.Code != 7 || strings.TrimSpace(failed.Stderr) != "wrong" || failed.Argv[0] != "sh" {
		t.Errorf("got %+v", failed)
	}
}

func TestCommandErrorSaysCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Command(ctx, nil, "sleep", "9"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestParseContainersReadsBothEngines(t *testing.T) {
	one := `{"Name":"/b","State":{"Running":true},"Config":{"Labels":{"k":"v"}},
		"NetworkSettings":{"Networks":{"n":{"IPAddress":"10.0.0.2"}}}}`
	two := `{"Name":"a","State":{"Running":false},"Config":{},"NetworkSettings":{}}`
	want := []Container{{Name: "a"}, {Name: "b", Running: true, Labels: map[string]string{"k": "v"}, Address: "10.0.0.2"}}
	for _, text := range []string{"[" + one + "," + two + "]", one + "\n" + two} {
		got, err := parseContainers([]byte(text))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v; want %+v", got, err, want)
		}
	}
	if _, err := parseContainers([]byte("{")); err == nil {
		t.Error("half a document is no error")
	}
}

func TestFlagsOfAMachine(t *testing.T) {
	s := Spec{Name: "n", Hostname: "h", Image: "i", Network: "net", Address: "10.0.0.2",
		Labels: map[string]string{"b": "2", "a": "1"}, Volumes: []string{"v:/var"}, Machine: true}
	docker, podman := &Engine{Name: "docker"}, &Engine{Name: "podman"}
	got := docker.flags(s)
	for _, want := range []string{"--ip 10.0.0.2", "--label a=1 --label b=2", "--volume v:/var", "--cap-drop SYS_RESOURCE"} {
		if !strings.Contains(strings.Join(got, " "), want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	s.Privileged = true
	if got := docker.flags(s); !slices.Contains(got, "--privileged") || slices.Contains(got, "--cap-drop") {
		t.Errorf("privileged flags are %q", got)
	}
	if got := docker.flags(Spec{Image: "i"}); !slices.Equal(got, []string{"--network", "none", "i"}) {
		t.Errorf("a bare container's flags are %q", got)
	}
	if got := podman.flags(Spec{Image: "i"}); !strings.Contains(strings.Join(got, " "), "--ulimit nofile=") {
		t.Errorf("podman is not told what it may give: %q", got)
	}
	if got := podman.flags(s); slices.Contains(got, "--ulimit") {
		t.Errorf("podman with every right is limited: %q", got)
	}
}

func TestDockerRemovalsLeaveOthersAlone(t *testing.T) {
	rules := `-P FORWARD DROP
-N DOCKER
-N DOCKER-USER
-N MINE
-A FORWARD -j DOCKER-USER
-A FORWARD -o br-1 -j DOCKER
-A FORWARD -j MINE
-A DOCKER-USER -j RETURN
`
	want := [][]string{
		{"-D", "FORWARD", "-j", "DOCKER-USER"}, {"-D", "FORWARD", "-o", "br-1", "-j", "DOCKER"},
		{"-F", "DOCKER"}, {"-F", "DOCKER-USER"}, {"-X", "DOCKER"}, {"-X", "DOCKER-USER"},
	}
	if got := dockerRemovals(rules); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
