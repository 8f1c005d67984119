// Command edge measures what an answer of an edge costs, over a socket, beside
// nginx serving the same bytes as files. Its flags:
//
//	-json         print one JSON object a line instead of a table
//	-load T       how long each server is loaded for each figure (1s)
//	-rate N       requests a second at which latency is measured (1000)
//	-connections N  kept alive, in each load (16)
//	-caddy FILE   measure this Caddy too; go install
//	              github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9 builds one
//	-seed N       the same catalog for the same seed (1)
//
// The edge runs in a process of its own (this program again, with -serve) with a
// generated catalog. It is asked for a small document, of one title, and a large
// one, a home screen, in each coding; its answers are written to files, plain
// and compressed ahead, for nginx and Caddy to serve. So all send the same
// bodies; headers are each server's own.
//
// For each server, document and mode:
//
//   - requests_per_second: with as many requests as the connections take, from
//     wrk where it is installed and can (it can not wait for the end of HEAD),
//     else from this program. "load" says which.
//   - cpu_us_per_request: user and system time of the server's processes in that
//     load, from /proc, by the number of requests. Of the three figures this
//     depends least on what else the machine does.
//   - p99_us: at -rate, far from what the server could do. Requests are due at
//     even intervals, and each is timed from when it was due, not from when it
//     was sent: one that is late because the one before it was slow counts. It
//     is the median of five rounds, of a fifth of -load each.
//
// With -variations it measures instead what it takes an edge to have every
// variation of a workload, the one of bench/bake: it bakes -titles (10000) for
// -countries (250) and -applications (12), and starts a real `ovenbird edge` on
// the bucket, -rounds (3) times with nothing in memory and without what the edge
// keeps in its own folder, and as often again with both. A start ends when /readyz
// is 200 and a document of the release comes as it was baked. Memory is read from
// /proc, 5 s after the last start, and again when the edge has sent a home screen
// of each variation. Dropping the kernel's cache of files takes root, else those
// of the bucket alone are dropped. -bucket DIR keeps what was baked for the next
// run; -ovenbird FILE measures a program that is built already.
//
// HTTP/2 is left out: neither the edge nor nginx speaks it here without TLS.
package main
