package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// The modes in which servers are asked.
const (
	keepAlive = "keep-alive" // one request after the other on each connection
	pipelined = "pipelined"  // sixteen at once
	newConn   = "new"        // a connection for each
	unchanged = "304"        // the client has the document already
	headOnly  = "HEAD"
	notThere  = "404"
)

// batch is how many requests are sent at once in the mode pipelined.
const batch = 16

// scenario is what is asked of every server.
type scenario struct {
	path   string
	bytes  int // of the document, as it is sent
	mode   string
	coding string
	status int
}

// method returns the scenario's method.
func (c scenario) method() string {
	if c.mode == headOnly {
		return http.MethodHead
	}
	return http.MethodGet
}

// cases returns what is asked, in the order of the result: documents in their
// sizes by coding and size. Modes other than keep-alive, in which a server does
// the same whatever a body is coded in, are measured in the first coding; those
// whose answers have no body, with the first size.
func cases(o *options, paths map[string][]string, documents document) []scenario {
	var list []scenario
	for _, mode := range o.modes {
		for i, coding := range o.codings {
			if i > 0 && mode != keepAlive {
				break
			}
			for j, path := range paths[coding] {
				c := newScenario(path, len(documents[path][coding]), mode, coding)
				if j == 0 || c.hasBody() {
					list = append(list, c)
				}
			}
		}
	}
	return list
}

// newScenario returns what a mode makes of a document's address.
func newScenario(path string, length int, mode, coding string) scenario {
	c := scenario{path: path, bytes: length, mode: mode, coding: coding, status: http.StatusOK}
	switch mode {
	case unchanged:
		c.status = http.StatusNotModified
	case notThere:
		c.status, c.path = http.StatusNotFound, path+".none.json"
	}
	return c
}

// hasBody reports whether the answer is a document.
func (c scenario) hasBody() bool {
	return c.mode == keepAlive || c.mode == pipelined || c.mode == newConn
}

// header is the fields of a request.
type header map[string]string

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	body   []byte // as sent, so possibly compressed
}

// ask makes one request.
func ask(ctx context.Context, method, url string, fields header) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	for name, value := range fields {
		request.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read to its end, or its error is told
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, body}, err
}

// contest is one scenario, with all servers that can take part.
type contest struct {
	scenario
	entrants []*entrant
}

// entrant is a server in a contest.
type entrant struct {
	*server
	target target
	bytes  int // of the answer's body
	rounds []round
}

// round is what one round measured.
type round struct {
	perSecond, busy, cpu, p99 float64 // requests, share of a core, µs, µs
}

// prepare asks every server once, and makes sure that they say the same.
func prepare(ctx context.Context, servers []*server, c scenario) (*contest, error) {
	var reference []byte
	held := &contest{scenario: c}
	for i, s := range servers {
		if !slices.Contains(s.codings, c.coding) {
			continue
		}
		e, body, err := enter(ctx, s, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		if i == 0 {
			reference = body
		}
		if c.hasBody() && !bytes.Equal(body, reference) {
			return nil, fmt.Errorf("%s sends another body than %s for %s in %s", s.name, servers[0].name, c.path, c.coding)
		}
		held.entrants = append(held.entrants, e)
	}
	return held, nil
}

// enter asks a server once, and returns what to ask it many times.
func enter(ctx context.Context, s *server, c scenario) (e *entrant, body []byte, err error) {
	address := s.at(c.bytes)
	fields, url := header{"Accept-Encoding": c.coding}, "http://"+address+c.path
	if c.mode == unchanged {
		first, err := ask(ctx, http.MethodGet, url, fields)
		if err != nil {
			return nil, nil, err
		}
		fields["If-None-Match"] = first.header.Get("ETag")
	}
	a, err := ask(ctx, c.method(), url, fields)
	if err == nil {
		err = check(a, c)
	}
	if err != nil {
		return nil, nil, err
	}
	if c.mode == newConn {
		fields["Connection"] = "close"
	}
	return &entrant{server: s, bytes: len(a.body), target: target{
		address: address, url: url, fields: fields, request: compose(c.method(), address, c.path, fields), mode: c.mode, status: c.status,
	}}, a.body, nil
}

// check makes sure that what is measured is what is meant.
func check(a answer, c scenario) error {
	if a.status != c.status {
		return fmt.Errorf("the status is %d, want %d", a.status, c.status)
	}
	coding := a.header.Get("Content-Encoding")
	if c.status == http.StatusOK && coding != c.coding && (coding != "" || c.coding != identity) {
		return fmt.Errorf("the coding is %q, want %s", coding, c.coding)
	}
	return nil
}

// compose returns a request as it goes over the socket.
func compose(method, host, path string, fields header) []byte {
	request := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		request = fmt.Appendf(request, "%s: %s\r\n", name, fields[name])
	}
	return append(request, "\r\n"...)
}

// measure lets the servers take turns, so that what else the machine does meets
// all of them.
func (held *contest) measure(ctx context.Context, o *options) error {
	for range o.rounds {
		for _, e := range held.entrants {
			r, err := e.measure(ctx, o)
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			e.rounds = append(e.rounds, r)
		}
	}
	return nil
}

// measure measures a server once.
func (e *entrant) measure(ctx context.Context, o *options) (r round, err error) {
	before, err := processorTime(e.command.Process.Pid)
	if err != nil {
		return r, err
	}
	count, took, err := e.target.load(ctx, o)
	if err != nil {
		return r, err
	}
	after, err := processorTime(e.command.Process.Pid)
	if err != nil {
		return r, err
	}
	if count == 0 {
		return r, errors.New("nothing was answered")
	}
	late, err := e.target.atRate(ctx, o)
	return round{
		perSecond: float64(count) / took.Seconds(), busy: (after - before).Seconds() / took.Seconds(),
		cpu: float64((after - before).Microseconds()) / float64(count),
		p99: float64(percentile99(late)) / float64(time.Microsecond),
	}, err
}

// median returns the median of a figure over the rounds.
func (e *entrant) median(of func(round) float64) float64 {
	var all []float64
	for _, r := range e.rounds {
		all = append(all, of(r))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// figures returns the result.
func (held *contest) figures(pinned bool) []figure {
	var list []figure
	floor := 0.0
	for _, e := range held.entrants {
		f := figure{
			Server: e.name, Bytes: e.bytes, Mode: held.mode, Coding: held.coding, Pinned: pinned, Load: e.target.by(),
			RequestsPerSecond: e.median(func(r round) float64 { return r.perSecond }),
			CPU:               e.median(func(r round) float64 { return r.cpu }),
			P99:               e.median(func(r round) float64 { return r.p99 }),
			Busy:              e.median(func(r round) float64 { return r.busy }),
		}
		if e.name == floorName {
			floor = f.CPU
		}
		list = append(list, f)
	}
	for i := range list {
		if floor > 0 && list[i].CPU > 0 {
			list[i].ShareOfFloor = floor / list[i].CPU
		}
	}
	return list
}

// percentile99 returns the 99th percentile of a list, which it sorts.
func percentile99(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)*99/100, len(list)-1)]
}
