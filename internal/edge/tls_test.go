package edge_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"encoding/xml"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"ovenbird/internal/edge"
)

// writeCertificate writes a self-signed certificate for a name and 127.0.0.1, and
// its key, into dir.
func writeCertificate(t *testing.T, dir, name string) (files edge.TLS, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files = edge.TLS{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{
		files.CertFile: {Type: "CERTIFICATE", Bytes: der}, files.KeyFile: {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return files, pool
}

func startTLS(t *testing.T, h http.Handler, files edge.TLS) *edge.Server {
	t.Helper()
	server := edge.NewServer("127.0.0.1:0", h, nil)
	if err := server.UseTLS(files); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context(), func(err error) { t.Error(err) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return server
}

// One edge answers the same over HTTP/1.1, 2 and 3.
func TestAServerSpeaksEveryVersionOfHTTP(t *testing.T) {
	s := serveWorld(t, edge.Config{})
	files, pool := writeCertificate(t, t.TempDir(), "edge.example")
	files.HTTP3 = true
	server := startTLS(t, s.edge, files)
	config := func() *tls.Config { return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12} }
	first := &http.Transport{TLSClientConfig: config()}
	second := &http.Transport{TLSClientConfig: config(), ForceAttemptHTTP2: true}
	third := &http3.Transport{TLSClientConfig: config()}
	defer first.CloseIdleConnections()
	defer second.CloseIdleConnections()
	defer func() { _ = third.Close() }()
	for version, transport := range map[string]http.RoundTripper{"HTTP/1.1": first, "HTTP/2.0": second, "HTTP/3.0": third} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+"/FI/tv/titles/t1.json", http.NoBody)
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
		if service := response.Header.Get("Alt-Svc"); version != "HTTP/3.0" && !strings.HasPrefix(service, `h3=":`) {
			t.Errorf("%s: Alt-Svc is %q", version, service)
		}
	}
}

func TestACertificateThatCanNotBeUsedIsRefusedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	files, _ := writeCertificate(t, dir, "edge.example")
	other, _ := writeCertificate(t, t.TempDir(), "other.example")
	for name, wrong := range map[string]edge.TLS{
		"missing":   {CertFile: filepath.Join(dir, "none.pem"), KeyFile: files.KeyFile},
		"swapped":   {CertFile: files.KeyFile, KeyFile: files.CertFile},
		"not a key": {CertFile: files.CertFile, KeyFile: files.CertFile},
		"another's": {CertFile: files.CertFile, KeyFile: other.KeyFile},
	} {
		err := edge.NewServer("127.0.0.1:0", http.NotFoundHandler(), nil).UseTLS(wrong)
		if err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// tolerated are the cases of h2spec that net/http answers in another way than
// h2spec wants, with the reason for which that will do.
var tolerated = map[string]string{
	"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE":                                                           "net/http closes the connection of a client that repeats a setting",
	"Sends a HEADERS frame that contains the connection-specific header field":                                        "400 before the reset: RFC 9113 section 8.1.1",
	`Sends a HEADERS frame that contains the TE header field with any value other than "trailers"`:                    "400, the same",
	`Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length`: "answered before the body came",
}

// h2spec is what holds the server against RFC 9113. `make test` builds it.
func TestHTTP2IsAsTheStandardHasIt(t *testing.T) {
	program, err := filepath.Abs("../../bin/h2spec-v2.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("make test builds bin/h2spec")
	}
	s := serveWorld(t, edge.Config{})
	files, _ := writeCertificate(t, t.TempDir(), "edge.example")
	_, port, err := net.SplitHostPort(startTLS(t, s.edge, files).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	command := exec.CommandContext(t.Context(), program,
		"--host", "127.0.0.1", "--port", port, "--tls", "--insecure", "--path", "/FI/tv/titles/t1.json",
		"--timeout", "2", "--junit-report", report)
	output, _ := command.CombinedOutput() // it fails for tolerated cases too
	var suites struct {
		Suites []struct {
			Cases []struct {
				Package string `xml:"package,attr"`
				Name    string `xml:"classname,attr"`
				Failure *struct {
					Text string `xml:",innerxml"`
				} `xml:"failure"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	body, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	if err := xml.Unmarshal(body, &suites); err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, suite := range suites.Suites {
		for _, c := range suite.Cases {
			count++
			if c.Failure != nil && tolerated[c.Name] == "" {
				t.Errorf("%s: %s: %s", c.Package, c.Name, c.Failure.Text)
			}
		}
	}
	if count < 140 {
		t.Errorf("h2spec tried %d cases:\n%s", count, output)
	}
}
