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
	url     string
	fields  header
	request []byte
	mode    string
	status  int // that every answer must have
}

// batch returns how many requests are sent at once.
func (t *target) batch() int {
	if t.mode == pipelined {
		return batch
	}
	return 1
}

// load makes as many requests as the connections take, with what by says.
func (t *target) load(ctx context.Context, o *options) (count int64, took time.Duration, err error) {
	if wrk, there := findWrk(); there && t.by() == byWrk {
		return runWrk(ctx, wrk, o, t)
	}
	return t.flatOut(ctx, o)
}

// connection is one that is kept alive, or opened for each request.
type connection struct {
	*target
	conn net.Conn // nil: none is open
	in   *bufio.Reader
}

func (c *connection) open(ctx context.Context) (err error) {
	var dialer net.Dialer
	if c.conn, err = dialer.DialContext(ctx, "tcp", c.address); err == nil {
		c.in.Reset(c.conn)
	}
	return err
}

// ask makes the requests of a batch and reads the answers.
func (c *connection) ask(ctx context.Context, requests []byte) (err error) {
	if c.mode == newConn {
		if err := c.open(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.conn.Close()) }()
	}
	if _, err := c.conn.Write(requests); err != nil {
		return err
	}
	for range c.batch() {
		if err := c.read(); err != nil {
			return err
		}
	}
	return nil
}

// read reads one answer.
func (c *connection) read() error {
	status, length, err := readHead(c.in)
	if err != nil {
		return err
	}
	if status != c.status {
		return fmt.Errorf("the status is %d, want %d", status, c.status)
	}
	if c.mode == headOnly || status == http.StatusNotModified {
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

// flatOut makes requests on all connections, one batch after the other on each.
func (t *target) flatOut(ctx context.Context, o *options) (count int64, took time.Duration, err error) {
	var total atomic.Int64
	start := time.Now()
	err = t.onConnections(ctx, o.connections, func(ask func() error) error {
		for {
			if err := ask(); err != nil {
				return err
			}
			total.Add(int64(t.batch()))
			if ctx.Err() != nil || time.Since(start) >= o.load {
				return ctx.Err()
			}
		}
	})
	return total.Load(), time.Since(start), err
}

// atRate makes requests at even intervals for half as long as a load, and returns
// how long each batch took. A connection that was free waits for the next batch to
// be due and times it from when it wakes: what the clock was late is not the
// server's. When none was free, the time counts from when the batch was due.
func (t *target) atRate(ctx context.Context, o *options) ([]time.Duration, error) {
	interval := time.Second * time.Duration(t.batch()) / time.Duration(o.rate)
	last := max(1, int64(o.load/2/interval))
	var next atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	start := time.Now().Add(10 * time.Millisecond) // all are connected by then
	err := t.onConnections(ctx, o.connections, func(ask func() error) error {
		var took []time.Duration
		for i := next.Add(1); i <= last && ctx.Err() == nil; i = next.Add(1) {
			from := start.Add(time.Duration(i) * interval)
			if wait := time.Until(from); wait > 0 {
				time.Sleep(wait)
				from = time.Now()
			}
			if err := ask(); err != nil {
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
func (t *target) onConnections(ctx context.Context, n int, fn func(ask func() error) error) error {
	requests := bytes.Repeat(t.request, t.batch())
	failures := make(chan error, n)
	for range n {
		go func() {
			c := &connection{target: t, in: bufio.NewReaderSize(nil, 64<<10)}
			if t.mode == newConn {
				failures <- fn(func() error { return c.ask(ctx, requests) })
				return
			}
			err := c.open(ctx)
			if err == nil {
				err = errors.Join(fn(func() error { return c.ask(ctx, requests) }), c.conn.Close())
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
