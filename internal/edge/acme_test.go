package edge_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/quic-go/quic-go/http3"

	"ovenbird/internal/edge"
	"ovenbird/internal/ovenbird"
)

// issuer is a running pebble, Let's Encrypt's issuer for tests.
type issuer struct {
	directory string
	server    *x509.CertPool // who signs for its own server
	root      *x509.CertPool // of what it issues
	stop      func()
}

// freePort returns a port that nothing listens at.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.Port
}

// names serves DNS: every name is this machine's.
func names(t *testing.T) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // pebble asks over TCP
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: listener, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, question *dns.Msg) {
		answer := new(dns.Msg).SetReply(question)
		if asked := question.Question[0]; asked.Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.IPv4(127, 0, 0, 1),
			}}
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// startIssuer starts pebble, which connects to tlsPort to see whose a domain is.
func startIssuer(t *testing.T, tlsPort int) *issuer {
	t.Helper()
	program, err := filepath.Abs("../../bin/pebble-v2.10.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("make test builds bin/pebble")
	}
	dir := t.TempDir()
	files, pool := writeCertificate(t, dir, "issuer.example")
	address, management := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": address, "managementListenAddress": management,
		"certificate": files.CertFile, "privateKey": files.KeyFile, "httpPort": 1, "tlsPort": tlsPort,
		"profiles": map[string]any{"default": map[string]any{"description": "for tests", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pebble.json"), config, 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program, "-config", filepath.Join(dir, "pebble.json"), "-dnsserver", names(t)) //nolint:noctx // it is stopped by the test
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	i := &issuer{directory: "https://" + address + "/dir", server: pool, root: x509.NewCertPool(), stop: func() {
		if !stopped {
			stopped = true
			_ = command.Process.Kill()
			_ = command.Wait()
		}
	}}
	t.Cleanup(i.stop)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	eventually(t, "the issuer is there", func() bool {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+management+"/roots/0", http.NoBody)
		if err != nil {
			return false
		}
		response, err := client.Do(r)
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return err == nil && i.root.AppendCertsFromPEM(body)
	})
	return i
}

// shown returns the certificate that a server shows for a domain; nil for none.
func shown(t *testing.T, port int, domain string) *x509.Certificate {
	t.Helper()
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: domain, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	connection, err := dialer.DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil
	}
	defer func() { _ = connection.Close() }()
	secure, _ := connection.(*tls.Conn)
	return secure.ConnectionState().PeerCertificates[0]
}

// startACME starts a server that gets its certificates by itself.
func startACME(t *testing.T, h http.Handler, port int, a edge.ACME) (stop func()) {
	t.Helper()
	server := edge.NewServer(fmt.Sprintf("127.0.0.1:%d", port), h, nil)
	if err := server.UseACME(a); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// One after the other, because each goes on from what the one before left in the
// folder: issued, served in every version of HTTP, renewed, kept without an issuer.
func TestAServerGetsItsCertificatesByItself(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	port := freePort(t)
	issued := startIssuer(t, port)
	settings := edge.ACME{
		Domains: []string{"a.example", "b.example"}, Directory: issued.directory, Email: "ops@example.org", Agreed: true,
		Folder: filepath.Join(t.TempDir(), "acme"), Roots: issued.server, HTTP3: true,
	}
	stop := startACME(t, s.edge, port, settings)
	if certificate := shown(t, port, "a.example"); certificate != nil && certificate.VerifyHostname("a.example") != nil {
		t.Errorf("before there is a certificate, it shows one for %v", certificate.DNSNames)
	}
	for _, domain := range settings.Domains {
		eventually(t, domain+" has a certificate", func() bool {
			certificate := shown(t, port, domain)
			return certificate != nil && certificate.VerifyHostname(domain) == nil
		})
	}
	checkVersions(t, port, issued.root)
	checkSecrets(t, settings.Folder)

	// One that the issuer wants renewed is served until there is a new one.
	last := shown(t, port, "a.example").SerialNumber
	stop()
	makeOld(t, settings.Folder, "a.example")
	stop = startACME(t, s.edge, port, settings)
	eventually(t, "the old certificate is renewed", func() bool {
		certificate := shown(t, port, "a.example")
		return certificate != nil && certificate.SerialNumber.Cmp(last) != 0
	})
	renewed := shown(t, port, "a.example").SerialNumber
	stop()

	// Without an issuer what there is goes on.
	issued.stop()
	startACME(t, s.edge, port, settings)
	eventually(t, "what was kept is served", func() bool {
		certificate := shown(t, port, "a.example")
		return certificate != nil && certificate.SerialNumber.Cmp(renewed) == 0
	})
}

// checkVersions asks over HTTP/1.1, 2 and 3, and believes the issuer alone.
func checkVersions(t *testing.T, port int, roots *x509.CertPool) {
	t.Helper()
	config := func() *tls.Config {
		return &tls.Config{RootCAs: roots, ServerName: "b.example", MinVersion: tls.VersionTLS12}
	}
	first := &http.Transport{TLSClientConfig: config()}
	second := &http.Transport{TLSClientConfig: config(), ForceAttemptHTTP2: true}
	third := &http3.Transport{TLSClientConfig: config()}
	defer first.CloseIdleConnections()
	defer second.CloseIdleConnections()
	defer func() { _ = third.Close() }()
	for version, transport := range map[string]http.RoundTripper{"HTTP/1.1": first, "HTTP/2.0": second, "HTTP/3.0": third} {
		url := fmt.Sprintf("https://127.0.0.1:%d/FI/tv/titles/t1.json", port)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := transport.RoundTrip(r)
		if err != nil {
			t.Fatalf("%s: %v", version, err)
		}
		_ = response.Body.Close()
		if response.Proto != version || response.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s %s", version, response.Proto, response.Status)
		}
	}
}

// checkSecrets checks that nobody else may read keys.
func checkSecrets(t *testing.T, folder string) {
	t.Helper()
	keys := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if strings.HasSuffix(path, ".key") {
			keys++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s may be read by others: %v", path, info.Mode())
			}
		}
		return err
	})
	if err != nil || keys < 3 {
		t.Errorf("%d keys, %v", keys, err)
	}
}

// makeOld notes with a domain's certificate that its issuer wants it renewed by now
// (RFC 9773), as issuers do before they revoke one.
func makeOld(t *testing.T, folder, domain string) {
	t.Helper()
	kept, err := filepath.Glob(filepath.Join(folder, "certificates", "*", domain, domain+".json"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("it keeps %v, %v", kept, err)
	}
	body, err := os.ReadFile(kept[0])
	if err != nil {
		t.Fatal(err)
	}
	var about struct {
		Names  []string       `json:"sans"`
		Issuer map[string]any `json:"issuer_data"`
	}
	if err := json.Unmarshal(body, &about); err != nil {
		t.Fatal(err)
	}
	advice, ok := about.Issuer["renewal_info"].(map[string]any)
	if !ok {
		t.Fatalf("there is no advice in %s", body)
	}
	past := time.Now().Add(-time.Hour).Format(time.RFC3339)
	advice["suggestedWindow"], advice["_selectedTime"] = map[string]string{"start": past, "end": past}, past
	if body, err = json.Marshal(about); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept[0], body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhatNoIssuerWouldIssueIsRefusedAtTheStart(t *testing.T) {
	for name, a := range map[string]edge.ACME{
		"terms":     {Domains: []string{"a.example"}},
		"nothing":   {Agreed: true},
		"address":   {Agreed: true, Domains: []string{"192.0.2.1"}},
		"wildcard":  {Agreed: true, Domains: []string{"*.example"}},
		"nonsense":  {Agreed: true, Domains: []string{"a b"}},
		"directory": {Agreed: true, Domains: []string{"a.example"}, Directory: "http://issuer.example"},
	} {
		a.Folder = t.TempDir()
		if err := edge.NewServer("127.0.0.1:0", http.NotFoundHandler(), nil).UseACME(a); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
