// Command edge measures what an answer of an edge costs, over a socket, beside
// nginx, Varnish and Caddy sending the same bytes, and beside a floor. Its flags:
//
//	-json           print one JSON object a line instead of a table
//	-servers LIST   of ovenbird, nginx, varnish, caddy and floor (all that are there)
//	-sizes LIST     bytes of the documents as they are sent (1024,4096,16384,65536)
//	-codings LIST   of gzip, identity, br and zstd (gzip,identity)
//	-modes LIST     of keep-alive, pipelined, new, 304, HEAD and 404 (the first three)
//	-load T         how long each server is loaded in each round (400ms)
//	-rounds N       how many times each server is measured (5)
//	-rate N         requests a second at which latency is measured (1000)
//	-connections N  in each load (16)
//	-ovenbird FILE  the edge to measure (built from the sources)
//	-caddy FILE     the Caddy to measure (bin/caddy-v2.11.9, which make setup builds)
//	-seed N         the same catalog for the same seed (1)
//
// The servers, each in processes of its own:
//
//   - ovenbird, as `ovenbird edge`, on a bucket with a catalog that is made for
//     this: its documents are lists, each a bit longer than the one before, of which
//     the ones are taken that come closest to -sizes in the coding that is asked for.
//   - nginx and Caddy, with what the edge sent as files, plain and compressed ahead;
//     and Varnish, with the same in its memory, each coding kept as it is. No server
//     logs requests. nginx is configured as costs it least here: see servers.go.
//   - floor: a minimal epoll program in C, compiled for each run, which answers every
//     request with the very bytes that the edge sent, head and body, and looks for
//     nothing in requests but their ends. It copies what it sends, as the edge does:
//     sendfile, with which nginx sends large files, can take less.
//
// Before a scenario is measured, every server is asked once, and has to send the
// same body. Heads are each server's own. A server that is not installed is left
// out, and said to be; named with -servers, it is an error.
//
// Servers run on one core, and what loads them on another. Of
// nginx there is one worker then, and Go programs know that they have one core.
// Servers take turns in each round, and every figure is the median over the rounds:
// what else the machine does meets all of them. The modes are one request after the
// other on connections that are kept alive; sixteen requests at once on each; a
// connection for each request; and, for a client that has the document (304), for
// one that wants the head alone, and for an address where nothing is. Modes other
// than keep-alive are measured in the first of -codings. The fields of a result:
//
//   - server, mode, coding; bytes, of the body as it is sent.
//   - requests_per_second: as many as the connections take, from wrk where it is
//     installed and can (it can not wait for the end of HEAD), else from this
//     program. load says which.
//   - cpu_us_per_request: user and system time of all the server's processes under
//     that load, from /proc, by the number of requests. Of all figures this depends
//     least on what else the machine does.
//   - share_of_floor: the floor's cpu_us_per_request by the server's. 1 is as cheap as
//     the floor, 0.5 twice as dear. It is not there without a C compiler.
//   - p99_us: at -rate, far from what the server could do. Requests (in the mode
//     pipelined, batches) are due at even intervals, and each is timed from when it
//     was due, not from when it was sent: one that is late because the one before it
//     was slow counts. It takes half of -load in each round.
//   - busy: the share of a core that the server took under the load. Where it is
//     well below 1, what loads it was the limit, and the server could answer more.
//   - pinned: whether servers had a core of their own. It takes two cores.
//
// The whole takes some five minutes; with -load 40ms, a tenth, less than one.
//
// With -variations it measures instead what it takes an edge to have every
// variation of a workload, the one of bench/bake: it bakes -titles (10000) for
// -countries (250) and -applications (12), and starts an edge on the bucket,
// -rounds times with nothing in memory and without what the edge keeps in its own
// folder, and as often again with both. A start ends when /readyz is 200 and a
// document of the release comes as it was baked. Memory is read from /proc, 5 s
// after the last start, and again when the edge has sent a home screen of each
// variation. Dropping the kernel's cache of files takes root, else those of the
// bucket alone are dropped. -bucket DIR keeps what was baked for the next run.
//
// HTTP/2 is left out: neither the edge nor nginx speaks it here without TLS.
package main
