package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// receive is the program `receiver ADDRESS FILE` of the scripts: a subscriber that
// takes every webhook and writes each as a line of the file, in the form that
// internal/webhook/client/verify.js reads. The secret is in the file `secret`.
func receive() {
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	file, err := os.Create(os.Args[2])
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr()) //nolint:errcheck,forbidigo // the script waits for it
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		secret, missing := os.ReadFile("secret")
		if err != nil || missing != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		headers := make(map[string]string)
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			headers[name] = r.Header.Get(name)
		}
		if json.NewEncoder(file).Encode(map[string]any{"secret": string(secret), "headers": headers, "body": string(body)}) != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	panic(server.Serve(listener)) // until the script ends it
}
