package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// received is a webhook as internal/webhook/client/verify.js reads it.
type received struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// receive is the program `receiver ADDRESS FILE` of the scripts: a subscriber that
// takes every webhook and writes each as a line of the file. The secret is in the file `secret`.
func receive() {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	file, err := os.Create(os.Args[2])
	if err != nil {
		panic(err)
	}
	fmt.Printf("http://%s\n", listener.Addr()) // the script waits for it
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		secret, missing := os.ReadFile("secret")
		if err != nil || missing != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		message := received{Secret: string(secret), Body: string(body), Headers: make(map[string]string)}
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			message.Headers[name] = r.Header.Get(name)
		}
		if err := json.NewEncoder(file).Encode(message); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	panic(server.Serve(listener)) // until the script ends it
}
