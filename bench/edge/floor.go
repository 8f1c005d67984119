package main

import (
	"bufio"
	"context"
	_ "embed" // the floor's source
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// floorName is the name of the floor among the servers.
const floorName = "floor"

//go:embed floor/floor.c
var floorSource []byte

// compileFloor compiles the floor in a folder.
func compileFloor(ctx context.Context, dir string) (program string, err error) {
	for _, name := range []string{"cc", "gcc"} {
		compiler, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		source, program := filepath.Join(dir, "floor.c"), filepath.Join(dir, "floor")
		if err := os.WriteFile(source, floorSource, 0o600); err != nil {
			return "", err
		}
		command := exec.CommandContext(ctx, compiler, "-O2", "-o", program, source) //nolint:gosec // no input
		if out, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("compile the floor: %w\n%s", err, out)
		}
		return program, nil
	}
	return "", fmt.Errorf("%w: there is no C compiler, so no floor to compare with: apt-get install gcc libc6-dev", errMissing)
}

// startFloor starts a floor that answers every request with what the edge answers
// to that of a scenario.
func startFloor(ctx context.Context, on *site, program string, edge *entrant) (*server, error) {
	answer, err := capture(ctx, edge.target)
	if err != nil {
		return nil, fmt.Errorf("record the edge's answer: %w", err)
	}
	file := filepath.Join(on.dir, "answer")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		return nil, err
	}
	connections := "keep"
	if edge.target.mode == newConn {
		connections = "close"
	}
	command := exec.CommandContext(ctx, program, file, connections) //nolint:gosec // compiled by this program
	command.Stderr = os.Stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := on.cores.launch(command.Start); err != nil {
		return nil, err
	}
	s := &server{name: floorName, codings: edge.codings, command: command}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the floor: %w", err), s.stop())
	}
	s.address = net.JoinHostPort("127.0.0.1", strings.TrimSpace(line))
	return s, nil
}

// capture returns the bytes of an answer, its head and its body.
func capture(ctx context.Context, t target) ([]byte, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // it was read from
	if _, err := conn.Write(t.request); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	var answer []byte
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		answer = append(answer, line...)
		if len(line) <= len("\r\n") {
			break
		}
		if name, value, _ := strings.Cut(string(line), ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
	}
	if t.mode == headOnly || t.status == http.StatusNotModified {
		length = 0
	}
	head := len(answer)
	answer = append(answer, make([]byte, length)...)
	_, err = io.ReadFull(in, answer[head:])
	return answer, err
}
