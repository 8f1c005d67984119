package main

import (
	"bufio"
	"strings"
	"testing"
	"time"
)

func TestParseWrkReadsTheTotal(t *testing.T) {
	const out = `Running 1s test @ http://127.0.0.1:8080/FI/tv/home.json
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   233.80us  250.05us   4.24ms   90.54%
    Req/Sec    82.71k     5.88k   91.31k    63.64%
  90528 requests in 1.10s, 48.70MB read
  Non-2xx or 3xx responses: 90528
Requests/sec:  82315.42
`
	count, took, err := parseWrk(out, 404)
	if err != nil || count != 90528 || took != 1100*time.Millisecond {
		t.Errorf("got %d in %v, %v", count, took, err)
	}
	for _, bad := range []string{
		"", "unable to connect to 127.0.0.1:1", "  0 requests in 1.00s, 0B read",
		out, // refused, all of them
		out + "  Socket errors: connect 0, read 12, write 0, timeout 0\n",
	} {
		if count, took, err := parseWrk(bad, 200); err == nil {
			t.Errorf("%q: got %d in %v", bad, count, took)
		}
	}
}

func TestParseStatCountsFieldsFromTheName(t *testing.T) {
	for stat, want := range map[string]time.Duration{
		"7 (nginx) S 1 7 7 0 -1 4194560 100 0 0 0 12 34 0 0 20 0 1 0 5":        460 * time.Millisecond,
		"7 (a b) c) (d) R 1 7 7 0 -1 4194560 100 0 0 0 1 0 99 99 20 0 1 0 5\n": 10 * time.Millisecond,
	} {
		if got, err := parseStat(stat); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", stat, got, err, want)
		}
	}
	for _, bad := range []string{"", "7 (nginx)", "7 (nginx) S 1", "7 (nginx) S 1 7 7 0 -1 4194560 100 0 0 0 x 34 0"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q: got %v", bad, got)
		}
	}
}

func TestReadHeadStopsBeforeTheBody(t *testing.T) {
	in := bufio.NewReader(strings.NewReader("HTTP/1.1 404 Not Found\r\nETag: \"x\"\r\ncontent-LENGTH:  4 \r\n\r\nbodyHTTP/1.1 304 Not Modified\r\n\r\nnonsense\n"))
	status, length, err := readHead(in)
	if err != nil || status != 404 || length != 4 {
		t.Fatalf("got %d, %d, %v", status, length, err)
	}
	if _, err := in.Discard(length); err != nil {
		t.Fatal(err)
	}
	if status, length, err := readHead(in); err != nil || status != 304 || length != -1 {
		t.Errorf("without a length: got %d, %d, %v", status, length, err)
	}
	if _, _, err := readHead(in); err == nil {
		t.Error("nonsense is read as an answer")
	}
}

func TestPercentile(t *testing.T) {
	var list []time.Duration
	for i := range 100 {
		list = append(list, time.Duration(99-i))
	}
	if got := percentile99(list); got != 99 {
		t.Errorf("of 0 to 99: %d", got)
	}
	if got := percentile99(list[:1]); got != 0 {
		t.Errorf("of one: %d", got)
	}
	if got := percentile99(nil); got != 0 {
		t.Errorf("of none: %d", got)
	}
}

func TestTheTableComparesTheEdgeWithEachServer(t *testing.T) {
	var out strings.Builder
	figures := []figure{
		{Server: "ovenbird", Mode: "new", Coding: "gzip", Bytes: 1000, CPU: 6, ShareOfFloor: 0.5},
		{Server: "nginx", Mode: "new", Coding: "gzip", Bytes: 1000, CPU: 12, ShareOfFloor: 0.25},
		{Server: "varnish", Mode: "new", Coding: "br", Bytes: 1000, CPU: 6},
	}
	if err := table(&out, figures); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[2], "| 1.00 | 0.50 |") || !strings.Contains(lines[3], "| 0.50 | 0.25 |") || !strings.Contains(lines[4], "| – | – |") {
		t.Errorf("got\n%s", out.String())
	}
}
