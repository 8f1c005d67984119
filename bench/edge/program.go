package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// buildProgram returns the ovenbird to measure: the one that a flag names, or one
// that it builds in dir out of the sources, as `make build` does.
func buildProgram(ctx context.Context, file, dir string) (string, error) {
	if file != "" {
		return filepath.Abs(file)
	}
	file = filepath.Join(dir, "ovenbird")
	command := exec.CommandContext(ctx, "go", "build", "-o", file, "ovenbird/cmd/ovenbird") //nolint:gosec // no input
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build ovenbird (or name one that is built with -ovenbird): %w\n%s", err, out)
	}
	return file, nil
}

// startEdge starts an ovenbird as the edge of a bucket, and returns when it
// listens: it may have no release by then.
func startEdge(ctx context.Context, on cores, program, bucket string, flags ...string) (*server, error) {
	arguments := append([]string{"edge", "--bucket", bucket, "--listen", "127.0.0.1:0"}, flags...)
	command := exec.CommandContext(ctx, program, arguments...) //nolint:gosec // what whoever measures has built
	said := new(bytes.Buffer)
	command.Stderr = said
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := on.launch(command.Start); err != nil {
		return nil, err
	}
	s := &server{name: edgeName, command: command, codings: []string{brotli, zstd, gzip, identity}, said: said}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		var at *url.URL
		if at, err = url.Parse(strings.TrimSpace(strings.TrimPrefix(line, "ready "))); err == nil {
			s.address = at.Host
		}
	}
	if err != nil {
		stopped := s.stop()
		return nil, errors.Join(fmt.Errorf("start the edge: %w: %s%s", err, line, said), stopped)
	}
	return s, nil
}

// ready waits until an edge has a release.
func (s *server) ready(ctx context.Context) error {
	for {
		response, err := get(ctx, "http://"+s.address+"/readyz")
		switch {
		case err != nil:
			return err
		case response.status == http.StatusOK:
			return nil
		case response.status != http.StatusServiceUnavailable:
			return fmt.Errorf("the edge's /readyz answers %d: %s", response.status, response.body)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

// answers makes sure that an edge answers with a document as it should.
func (s *server) answers(ctx context.Context, want sample) error {
	response, err := get(ctx, "http://"+s.address+want.path)
	if err == nil && (response.status != http.StatusOK || string(response.body) != want.body) {
		err = fmt.Errorf("the edge answers %s with %d: %.300s", want.path, response.status, response.body)
	}
	return err
}

// get asks for a document as it is, without compression.
func get(ctx context.Context, address string) (answer, error) {
	return ask(ctx, http.MethodGet, address, header{"Accept-Encoding": "identity"})
}
