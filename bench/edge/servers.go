package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// server is one that is measured, with its processes.
type server struct {
	name    string
	address string // host:port
	large   string // the same for bodies of 32 KiB and more; "" where that is no other
	codings []string
	command *exec.Cmd
	beside  io.Closer // what it needs beside; nil: nothing
	said    *bytes.Buffer
}

// The codings of bodies.
const (
	identity = "identity"
	gzip     = "gzip"
	brotli   = "br"
	zstd     = "zstd"
)

// extensions are how files are named that hold a coding of the one without.
var extensions = map[string]string{brotli: ".br", gzip: ".gz", zstd: ".zst", identity: ""}

// peer is how a server is started beside the edge.
type peer struct {
	name  string
	start func(context.Context, *site) (*server, error)
}

// peers are the servers beside the edge, but for the floor under all.
var peers = []peer{{"nginx", startNginx}, {"varnish", startVarnish}, {"caddy", startCaddy}}

// site is what servers serve, and where they run.
type site struct {
	dir       string // a folder for whatever they need
	documents document
	cores     cores
	caddy     string
}

// document is bodies by address and coding.
type document map[string]map[string][]byte

// errMissing is a peer that is not there.
var errMissing = errors.New("missing")

// files is the folder of the documents.
func (s *site) files() string { return filepath.Join(s.dir, "files") }

// writeFiles writes the documents as files, compressed ahead.
func (s *site) writeFiles() error {
	for path, codings := range s.documents {
		for coding, body := range codings {
			file := filepath.Join(s.files(), filepath.FromSlash(path)) + extensions[coding]
			if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
				return err
			}
			if err := os.WriteFile(file, body, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch asks an edge for documents in some codings, and as they are: Caddy looks
// for a compressed file only where there is a plain one.
func fetch(ctx context.Context, edge *server, paths map[string][]string, codings []string) (document, error) {
	all := make(document)
	for _, list := range paths {
		for _, path := range list {
			all[path] = make(map[string][]byte)
			for _, coding := range append([]string{identity}, codings...) {
				a, err := ask(ctx, "GET", "http://"+edge.address+path, header{"Accept-Encoding": coding})
				if err == nil {
					err = check(a, scenario{coding: coding, status: 200})
				}
				if err != nil {
					return nil, fmt.Errorf("%s in %s: %w", path, coding, err)
				}
				all[path][coding] = a.body
			}
		}
	}
	return all, nil
}

// findServer returns where a program is, in /sbin too: servers are there, where only
// root looks.
func findServer(name, install string) (string, error) {
	for _, file := range []string{name, "/usr/sbin/" + name} {
		if program, err := exec.LookPath(file); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not installed: %s", errMissing, name, install)
}

// start starts a server's program on the servers' core, and waits until it listens.
func (s *site) start(ctx context.Context, server *server, program string, arguments ...string) error {
	server.said = new(bytes.Buffer)
	server.command = exec.CommandContext(ctx, program, arguments...) //nolint:gosec // what whoever measures has installed
	server.command.Stderr = server.said
	server.command.Stdout = server.said
	// Killed, nginx and Varnish would leave their workers.
	server.command.Cancel = func() error { return server.command.Process.Signal(os.Interrupt) }
	if err := s.cores.launch(server.command.Start); err != nil {
		return err
	}
	return server.listens(ctx)
}

// listens waits until a server does.
func (s *server) listens(ctx context.Context) error {
	var dialer net.Dialer
	for range 200 {
		if c, err := dialer.DialContext(ctx, "tcp", s.address); err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	stopped := s.stop()
	return errors.Join(fmt.Errorf("%s does not listen at %s after 10 s: %s", s.name, s.address, s.said), stopped)
}

// stop ends the server's processes and waits for them.
func (s *server) stop() error {
	if err := s.command.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = s.command.Wait() // it was interrupted, which some call a failure
	if s.beside != nil {
		return s.beside.Close()
	}
	return nil
}

// at returns where to ask for a body of a length in bytes.
func (s *server) at(length int) string {
	const large = 32 << 10
	if s.large != "" && length >= large {
		return s.large
	}
	return s.address
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

// nginxConfiguration is what costs nginx least here. Small files it reads and sends
// with their heads, for up to a third less than with sendfile and tcp_nopush, which
// is how Debian configures it; large ones it sends with sendfile alone. With
// tcp_nopush it waits 40 ms for every batch of pipelined requests.
const nginxConfiguration = `daemon off;
%[5]s
worker_processes %[3]s;
worker_rlimit_nofile 16384;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  open_file_cache max=1000 inactive=1h;
  open_file_cache_valid 1h;
  open_file_cache_errors on;
  log_not_found off;
  types { application/json json; }
  gzip_static on;
  client_body_temp_path %[1]s/temporary;
  proxy_temp_path %[1]s/temporary;
  fastcgi_temp_path %[1]s/temporary;
  uwsgi_temp_path %[1]s/temporary;
  scgi_temp_path %[1]s/temporary;
  root %[1]s/files;
  server { listen %[2]s backlog=4096; sendfile off; }
  server { listen %[4]s backlog=4096; sendfile on; tcp_nopush off; }
}
`

// startNginx starts the nginx that is installed, on the files.
func startNginx(ctx context.Context, on *site) (*server, error) {
	program, err := findServer("nginx", "apt-get install nginx-light")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	large, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	workers, user := "auto", ""
	if on.cores.pinned {
		workers = "1"
	}
	if os.Geteuid() == 0 {
		user = "user root;" // another one may not read the files
	}
	file := filepath.Join(on.dir, "nginx.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, nginxConfiguration, on.dir, address, workers, large, user), 0o600); err != nil {
		return nil, err
	}
	s := &server{name: "nginx", address: address, large: large, codings: []string{gzip, identity}}
	return s, on.start(ctx, s, program, "-p", on.dir, "-c", file, "-e", "stderr")
}

const caddyConfiguration = `{
	admin off
	auto_https off
	persist_config off
	log {
		level ERROR
	}
}
http://%[2]s {
	root * %[1]s
	file_server {
		precompressed br zstd gzip
	}
}
`

// startCaddy starts the Caddy that a flag names, on the files.
func startCaddy(ctx context.Context, on *site) (*server, error) {
	if _, err := os.Stat(on.caddy); err != nil {
		return nil, fmt.Errorf("%w: there is no Caddy at %q: make setup builds it, or name another with -caddy", errMissing, on.caddy)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(on.dir, "Caddyfile")
	if err := os.WriteFile(file, fmt.Appendf(nil, caddyConfiguration, on.files(), address), 0o600); err != nil {
		return nil, err
	}
	s := &server{name: "caddy", address: address, codings: []string{brotli, zstd, gzip, identity}}
	return s, on.start(ctx, s, on.caddy, "run", "--config", file, "--adapter", "caddyfile")
}
