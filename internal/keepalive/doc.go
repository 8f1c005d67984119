// Package keepalive answers plain requests over HTTP/1.1 on a loop of its own: one
// read and one write for each. Everything else goes, with the bytes that have come
// already, to somebody who knows all of HTTP: net/http.
//
// A request is plain if there is one way to read it: GET, HEAD or OPTIONS of a path
// on this server, HTTP/1.1, exactly one Host, lines that end in CR LF, printable
// ASCII, no body and nothing that announces one, no wish to speak another protocol,
// and a header of a few kilobytes. Whatever is not is not refused here: refusing is
// left to net/http too, and so is every decision about a malformed request. A
// connection that was handed over stays there.
//
// What plain requests mean is not decided here either. They reach the same
// http.Handler, as the http.Request that net/http would have made. The handler must
// not keep the request after it returned: the next one is put in its place. It can
// not flush, hijack or set deadlines, nor send trailers or informational answers; and
// the context of a request is not done when the client has gone.
package keepalive
