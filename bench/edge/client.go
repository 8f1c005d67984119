package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// target is a request that is made many times. It is made by hand, over plain
// connections: a client that does more would be what is measured.
type target struct {
	address string
	request []byte
	head    bool // the answer has no body, whatever length it names
	status  int  // that every answer must have
}

// connection is one kept alive.
type connection struct {
	*target
	conn net.Conn
	in   *bufio.Reader
}

func (t *target) dial(ctx context.Context) (*connection, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	return &connection{t, conn, bufio.NewReaderSize(conn, 64<<10)}, nil
}

// ask makes the request once and reads the answer.
func (c *connection) ask() error {
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	status, length, err := readHead(c.in)
	if err != nil {
		return err
	}
	if status != c.status {
		return fmt.Errorf("the status is %d, want %d", status, c.status)
	}
	if c.head || status == http.StatusNotModified {
		return nil
	}
	if length < 0 {
		return errors.New("the answer does not name its length")
	}
	_, err = c.in.Discard(length)
	return err
}

var contentLength = []byte("content-length:")

// readHead reads an answer up to its body. The length is -1 where none is named.
func readHead(in *bufio.Reader) (status, length int, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("%q is no answer", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	length = -1
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			return status, length, nil
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, 0, err
			}
		}
	}
}

// flatOut makes requests on all connections, one after the other on each.
func (t *target) flatOut(ctx context.Context, o options) (count int64, took time.Duration, err error) {
	var total atomic.Int64
	start := time.Now()
	err = t.onConnections(ctx, o.connections, func(c *connection) error {
		for ctx.Err() == nil && time.Since(start) < o.load {
			if err := c.ask(); err != nil {
				return err
			}
			total.Add(1)
		}
		return ctx.Err()
	})
	return total.Load(), time.Since(start), err
}

// atRate makes requests at even intervals, and returns how long each took. A
// connection that was free waits for the next request to be due and times it from
// when it wakes: what the clock was late is not the server's. When none was free,
// the time counts from when the request was due.
func (t *target) atRate(ctx context.Context, o options) ([]time.Duration, error) {
	interval := time.Second / time.Duration(o.rate)
	last := int64(o.load / interval)
	var next atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	start := time.Now().Add(10 * time.Millisecond) // all are connected by then
	err := t.onConnections(ctx, o.connections, func(c *connection) error {
		var took []time.Duration
		for i := next.Add(1); i <= last && ctx.Err() == nil; i = next.Add(1) {
			from := start.Add(time.Duration(i) * interval)
			if wait := time.Until(from); wait > 0 {
				time.Sleep(wait)
				from = time.Now()
			}
			if err := c.ask(); err != nil {
				return err
			}
			took = append(took, time.Since(from))
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, took...)
		return ctx.Err()
	})
	return all, err
}

// onConnections runs fn on n connections at once.
func (t *target) onConnections(ctx context.Context, n int, fn func(*connection) error) error {
	failures := make(chan error, n)
	for range n {
		go func() {
			c, err := t.dial(ctx)
			if err == nil {
				err = errors.Join(fn(c), c.conn.Close())
			}
			failures <- err
		}()
	}
	var failed error
	for range n {
		if err := <-failures; failed == nil {
			failed = err
		}
	}
	return failed
}
