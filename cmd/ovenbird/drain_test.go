package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// fleet is edges of one bucket, in processes of their own.
type fleet struct {
	t       *testing.T
	program string // a link to this one, by the name that makes it the real program
	data    string
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, program: filepath.Join(t.TempDir(), "ovenbird"), data: t.TempDir()}
	if err := os.Symlink(self, f.program); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), f.program,
		"bake", "--site", filepath.Join("..", "..", "examples", "toons"), "--data", f.data).CombinedOutput()
	if err != nil {
		t.Fatalf("bake: %v\n%s", err, output)
	}
	return f
}

// start starts an edge and waits until it is ready.
func (f *fleet) start(address, drain string) *exec.Cmd {
	f.t.Helper()
	command := exec.CommandContext(f.t.Context(), f.program, "edge", "--bucket", filepath.Join(f.data, "dev", "bucket"),
		"--country-from", "fixed:FI", "--listen", address, "--drain", drain)
	stdout, err := command.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	if err := command.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = command.Process.Kill() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || !strings.HasPrefix(line, "ready ") {
		f.t.Fatalf("the edge says %q: %v\n%s", line, err, stderr.Bytes())
	}
	return command
}

func (f *fleet) address() string {
	f.t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// nginx is where Debian has it.
const nginx = "/usr/sbin/nginx"

const balancer = `
daemon off; master_process off; worker_processes 1; pid %[1]s/pid; error_log stderr crit;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3; uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
	upstream edges { server %[2]s max_fails=0; server %[3]s max_fails=0; keepalive 8; }
	server { listen %[4]s; location / { proxy_pass http://edges; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`

// balance starts nginx in front of two edges, as it comes: it looks at no
// /readyz, and tries the other one where one does not answer.
func (f *fleet) balance(first, second string) (url string) {
	f.t.Helper()
	if _, err := os.Stat(nginx); err != nil {
		if os.Getenv("CI") == "true" {
			f.t.Fatal(err)
		}
		f.t.Skip("scripts/tools installs nginx")
	}
	dir, address := f.t.TempDir(), f.address()
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, balancer, dir, first, second, address), 0o600); err != nil {
		f.t.Fatal(err)
	}
	command := exec.CommandContext(f.t.Context(), nginx, "-p", dir, "-c", file, "-e", "stderr")
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for f.ask(f.t.Context(), "http://"+address) != nil {
		if f.t.Context().Err() != nil {
			f.t.Fatal("nginx does not answer")
		}
	}
	return "http://" + address
}

func (f *fleet) ask(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/tv/home.json", http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// While one edge after the other is restarted, every request is answered.
func TestARollingRestartFailsNoRequest(t *testing.T) {
	f := newFleet(t)
	addresses := []string{f.address(), f.address()}
	edges := []*exec.Cmd{f.start(addresses[0], "200ms"), f.start(addresses[1], "200ms")}
	url := f.balance(addresses[0], addresses[1])
	done := make(chan struct{})
	var answers atomic.Int64
	var enough atomic.Bool
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for !enough.Load() {
				if err := f.ask(t.Context(), url); err != nil {
					t.Errorf("after %d answers: %v", answers.Load(), err)
				}
				answers.Add(1)
			}
		}()
	}
	for range 2 {
		for i, command := range edges {
			if err := command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
			if err := command.Wait(); err != nil {
				t.Errorf("the edge ended: %v", err)
			}
			edges[i] = f.start(addresses[i], "200ms")
		}
	}
	enough.Store(true)
	for range 4 {
		<-done
	}
	if answers.Load() < 100 {
		t.Errorf("there were only %d answers", answers.Load())
	}
}

// An edge that is told to stop goes on serving as long as it was told to, and
// says so; who tells it twice does not have to wait.
func TestStoppingTakesAWhileOrNot(t *testing.T) {
	f := newFleet(t)
	address := f.address()
	command := f.start(address, "10m")
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for ready := http.StatusOK; ready != http.StatusServiceUnavailable; {
		response, err := http.Get("http://" + address + "/readyz") //nolint:noctx // it answers at once
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		ready = response.StatusCode
	}
	if err := f.ask(t.Context(), "http://"+address); err != nil {
		t.Error(err)
	}
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	if status, ok := command.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("it ended with %s", command.ProcessState)
	}
}
