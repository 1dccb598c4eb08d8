package engine

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func startDaemon(ctx context.Context, logDir string) error {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		_, err := Command(ctx, nil, "systemctl", "start", "docker")
		return err
	}
	if err := forkDaemon(logDir); err != nil {
		return err
	}
	return waitDaemon(ctx, filepath.Join(logDir, "dockerd.log"))
}

// forkDaemon starts dockerd by hand, in a session of its own so that it outlives us.
func forkDaemon(logDir string) error {
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(logDir, "dockerd.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if err := noteForwarding(); err != nil {
		return err
	}
	cmd := exec.Command("dockerd", "--bridge=none")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start dockerd: %w", err)
	}
	go cmd.Wait()
	return os.WriteFile(PIDFile, []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644)
}

func waitDaemon(ctx context.Context, log string) error {
	docker := &Engine{Name: "docker"}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if docker.answers(ctx) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(300 * time.Millisecond)
	}
	said, _ := os.ReadFile(log)
	return fmt.Errorf("cannot start dockerd: no answer within a minute; its log ends:\n%s", tail(string(said), 10))
}

// StopDaemon ends the daemon that Prepare started by hand and takes back what it did to
// the host's forwarding and firewall; it does nothing where the daemon is not ours.
func StopDaemon(ctx context.Context) error {
	data, err := os.ReadFile(PIDFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || !isDockerd(pid) {
		return os.Remove(PIDFile)
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		return fmt.Errorf("cannot stop dockerd (pid %d): %w", pid, err)
	}
	for end := time.Now().Add(30 * time.Second); isDockerd(pid) && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond)
	}
	restoreHost(ctx)
	return os.Remove(PIDFile)
}

func isDockerd(pid int) bool {
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.TrimSpace(string(comm)) == "dockerd"
}

func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
