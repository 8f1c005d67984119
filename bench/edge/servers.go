package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// server is one that is measured, with its processes.
type server struct {
	name    string
	address string // host:port
	codings []string
	command *exec.Cmd
	stdin   io.Closer
}

// stop ends the server's processes and waits for them.
func (s *server) stop() error {
	if s.stdin != nil {
		return errors.Join(s.stdin.Close(), s.command.Wait())
	}
	if err := s.command.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = s.command.Wait() // it was interrupted, which some call a failure
	return nil
}

// startServe starts this program again, as an edge.
func startServe(ctx context.Context, seed uint64) (*server, map[string]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	command := exec.CommandContext(ctx, self, "-serve", "-seed", strconv.FormatUint(seed, 10)) //nolint:gosec // itself
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := command.Start(); err != nil {
		return nil, nil, err
	}
	s := &server{name: "ovenbird", codings: []string{"br", "gzip", "identity"}, command: command, stdin: stdin}
	var up served
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &up)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start the edge: %w", err), s.stop())
	}
	s.address = up.Address
	return s, up.Documents, nil
}

// extensions are how files are named that hold a coding of the one without.
var extensions = map[string]string{"br": ".br", "gzip": ".gz", "identity": ""}

// writeFiles writes the documents into dir/files as the edge sends them.
func writeFiles(ctx context.Context, edge *server, documents map[string]string, dir string) error {
	for _, path := range documents {
		for coding, extension := range extensions {
			a, err := ask(ctx, "GET", "http://"+edge.address+path, header{"Accept-Encoding": coding})
			if err != nil {
				return err
			}
			file := filepath.Join(dir, "files", filepath.FromSlash(path)) + extension
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // nginx's workers are another user
				return err
			}
			if err := os.WriteFile(file, a.body, 0o644); err != nil { //nolint:gosec // the same
				return err
			}
		}
	}
	return os.Chmod(dir, 0o755) //nolint:gosec // the same
}

const nginxConfiguration = `daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=1000;
  open_file_cache_valid 1h;
  default_type application/json;
  gzip_static on;
  client_body_temp_path %[1]s/temporary;
  proxy_temp_path %[1]s/temporary;
  fastcgi_temp_path %[1]s/temporary;
  uwsgi_temp_path %[1]s/temporary;
  scgi_temp_path %[1]s/temporary;
  server { listen %[2]s; root %[1]s/files; }
}
`

// startNginx starts the nginx that is installed, on the files in dir.
func startNginx(ctx context.Context, _ options, dir string) (*server, error) {
	program, err := exec.LookPath("nginx")
	if err != nil {
		return nil, fmt.Errorf("%w: nginx is not installed", errMissing)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfiguration, dir, address), 0o600); err != nil {
		return nil, err
	}
	s := &server{name: "nginx", address: address, codings: []string{"gzip", "identity"}}
	err = s.start(ctx, program, "-p", dir, "-c", file, "-e", "stderr")
	return s, err
}

const caddyConfiguration = `{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://%[2]s {
	root * %[1]s/files
	file_server {
		precompressed br gzip
	}
}
`

// startCaddy starts the Caddy that a flag names, on the files in dir.
func startCaddy(ctx context.Context, o options, dir string) (*server, error) {
	if o.caddy == "" {
		return nil, fmt.Errorf("%w: -caddy names no Caddy", errMissing)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, caddyConfiguration, dir, address), 0o600); err != nil {
		return nil, err
	}
	s := &server{name: "caddy", address: address, codings: []string{"br", "gzip", "identity"}}
	err = s.start(ctx, o.caddy, "run", "--config", file, "--adapter", "caddyfile")
	return s, err
}

// freeAddress returns an address that nobody listens at.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start starts the server's program and waits until it listens.
func (s *server) start(ctx context.Context, program string, arguments ...string) error {
	s.command = exec.CommandContext(ctx, program, arguments...) //nolint:gosec // what whoever measures has installed
	s.command.Stderr = os.Stderr
	s.command.Cancel = func() error { return s.command.Process.Signal(os.Interrupt) } // killed, nginx leaves its workers
	if err := s.command.Start(); err != nil {
		return err
	}
	var dialer net.Dialer
	for range 100 {
		if c, err := dialer.DialContext(ctx, "tcp", s.address); err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.Join(fmt.Errorf("%s does not listen at %s after 5 s", s.name, s.address), s.stop())
}
