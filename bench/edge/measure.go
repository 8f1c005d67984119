package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"time"
)

// header is the fields of a request.
type header map[string]string

// scenario is what is asked of every server.
type scenario struct {
	document string // "small" or "large"
	path     string
	mode     string
	method   string
	coding   string
	again    bool // with the tag of what the client has
	status   int
}

// cases returns what is asked, in the order of the result.
func cases(documents map[string]string) []scenario {
	var list []scenario
	for _, document := range []string{"small", "large"} {
		path := documents[document]
		for _, coding := range []string{"br", "gzip", "identity"} {
			list = append(list, scenario{document: document, path: path, mode: coding, method: "GET", coding: coding, status: 200})
		}
		list = append(list,
			scenario{document: document, path: path, mode: "304", method: "GET", coding: "gzip", again: true, status: 304},
			scenario{document: document, path: path, mode: "HEAD", method: "HEAD", coding: "gzip", status: 200})
	}
	return append(list, scenario{
		document: "small", path: documents["small"] + ".none.json", mode: "404", method: "GET", coding: "gzip", status: 404,
	})
}

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

// measure measures one server in one case.
func measure(ctx context.Context, o options, s *server, c scenario) (figure, error) {
	if !slices.Contains(s.codings, c.coding) {
		return figure{}, fmt.Errorf("%w: %s has no files in %s", errMissing, s.name, c.coding)
	}
	fields := header{"Accept-Encoding": c.coding}
	url := "http://" + s.address + c.path
	if c.again {
		first, err := ask(ctx, "GET", url, fields)
		if err != nil {
			return figure{}, err
		}
		fields["If-None-Match"] = first.header.Get("ETag")
	}
	a, err := ask(ctx, c.method, url, fields)
	if err != nil {
		return figure{}, err
	}
	if err := check(a, c); err != nil {
		return figure{}, err
	}
	f := figure{Server: s.name, Document: c.document, Bytes: len(a.body), Mode: c.mode}
	target := target{address: s.address, request: compose(c.method, s.address, c.path, fields), head: c.method == "HEAD", status: c.status}
	count, took, cpu, err := saturate(ctx, o, s, &target, url, fields, &f)
	if err != nil {
		return figure{}, err
	}
	f.RequestsPerSecond = float64(count) / took.Seconds()
	f.CPU = float64(cpu.Microseconds()) / float64(count)
	late, err := target.latency(ctx, o)
	f.P99 = float64(late) / float64(time.Microsecond)
	return f, err
}

// check makes sure that what is measured is what is meant.
func check(a answer, c scenario) error {
	if a.status != c.status {
		return fmt.Errorf("the status is %d, want %d", a.status, c.status)
	}
	coding := a.header.Get("Content-Encoding")
	if c.status == http.StatusOK && coding != c.coding && (coding != "" || c.coding != "identity") {
		return fmt.Errorf("the coding is %q, want %s", coding, c.coding)
	}
	return nil
}

// saturate loads a server with as many requests as the connections take, and
// returns how many there were, in what time, and what they cost the server.
func saturate(
	ctx context.Context, o options, s *server, t *target, url string, fields header, f *figure,
) (count int64, took, cpu time.Duration, err error) {
	before, err := processorTime(s.command.Process.Pid)
	if err != nil {
		return 0, 0, 0, err
	}
	wrk, there := findWrk()
	if f.Load = "go"; there && !t.head {
		f.Load = "wrk"
		count, took, err = runWrk(ctx, wrk, o, url, fields)
	} else {
		count, took, err = t.flatOut(ctx, o)
	}
	if err != nil {
		return 0, 0, 0, err
	}
	after, err := processorTime(s.command.Process.Pid)
	return count, took, after - before, err
}

// rounds is how many times latency is measured: the median leaves out those in
// which the machine did something else.
const rounds = 5

// latency returns the median over the rounds of the 99th percentile.
func (t *target) latency(ctx context.Context, o options) (time.Duration, error) {
	o.load /= rounds
	var list []time.Duration
	for range rounds {
		took, err := t.atRate(ctx, o)
		if err != nil {
			return 0, err
		}
		list = append(list, percentile99(took))
	}
	slices.Sort(list)
	return list[rounds/2], nil
}

// percentile99 returns the 99th percentile of a list, which it sorts.
func percentile99(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)*99/100, len(list)-1)]
}

// compose returns a request as it goes over the socket.
func compose(method, host, path string, fields header) []byte {
	request := fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		request = fmt.Appendf(request, "%s: %s\r\n", name, fields[name])
	}
	return append(request, "\r\n"...)
}
