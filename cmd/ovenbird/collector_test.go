package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// spanSeen is a span as a collector was sent it.
type spanSeen struct {
	Service, Trace, ID, Parent, Name string
	Links                            []string // traces
	Start                            uint64
}

// collect is the program `collector ADDRESS FILE` of the scripts: it takes traces
// by OTLP over HTTP and writes each span as a line of the file. As
// `collector tree FILE TRACE` it prints what belongs to a trace, children below
// their parents.
func collect() {
	var err error
	if os.Args[1] == "tree" {
		err = printTree(os.Args[2], os.Args[3])
	} else {
		err = collectSpans(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:revive // this is a program of the scripts
	}
}

func collectSpans(address, name string) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return err
	}
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr()) // the script waits for it
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent collector.ExportTraceServiceRequest
		body, err := io.ReadAll(r.Body)
		if err == nil && r.URL.Path == "/v1/traces" && r.Header.Get("Content-Type") == "application/x-protobuf" {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || len(sent.GetResourceSpans()) == 0 {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for _, span := range spansOf(&sent) {
			if err := json.NewEncoder(file).Encode(span); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	})}
	return server.Serve(listener) // until the script ends it
}

func spansOf(sent *collector.ExportTraceServiceRequest) (list []spanSeen) {
	for _, resource := range sent.GetResourceSpans() {
		service := ""
		for _, a := range resource.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				seen := spanSeen{
					Service: service, Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()),
					Parent: hex.EncodeToString(s.GetParentSpanId()), Name: s.GetName(), Start: s.GetStartTimeUnixNano(),
				}
				for _, link := range s.GetLinks() {
					seen.Links = append(seen.Links, hex.EncodeToString(link.GetTraceId()))
				}
				list = append(list, seen)
			}
		}
	}
	return list
}

func printTree(name, trace string) error {
	body, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	children := make(map[string][]spanSeen)
	ids := make(map[string]bool)
	for line := range strings.Lines(string(body)) {
		var span spanSeen
		if err := json.Unmarshal([]byte(line), &span); err != nil {
			return err
		}
		if span.Trace == trace {
			children[span.Parent] = append(children[span.Parent], span)
			ids[span.ID] = true
		}
	}
	for parent := range children {
		if !ids[parent] {
			printSpans(children, parent, "")
		}
	}
	return nil
}

func printSpans(children map[string][]spanSeen, parent, indent string) {
	spans := children[parent]
	slices.SortFunc(spans, func(a, b spanSeen) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Start, b.Start))
	})
	for _, s := range spans {
		fmt.Printf("%s%s: %s", indent, s.Service, s.Name)
		if len(s.Links) > 0 {
			fmt.Printf(" (and %s)", strings.Join(s.Links, " "))
		}
		fmt.Println()
		printSpans(children, s.ID, indent+"  ")
	}
}
