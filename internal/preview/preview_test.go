package preview_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/preview"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// keyIn makes a key in a folder; the public part lies beside it.
func keyIn(t testing.TB, dir, name string) (key ed25519.PrivateKey, public string) {
	t.Helper()
	key, err := preview.CreateKey(filepath.Join(dir, name+".pem"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := preview.PublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public = filepath.Join(dir, name+".pub")
	write(t, public, body)
	return key, public
}

func write(t testing.TB, file string, body []byte) {
	t.Helper()
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func verifier(t testing.TB, file string, now time.Time) *preview.Verifier {
	t.Helper()
	v, err := preview.NewVerifier(preview.Config{File: file, Environment: "prod", Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func sign(t testing.TB, key ed25519.PrivateKey, token preview.Token) string {
	t.Helper()
	signed, err := preview.Sign(token, key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// forFinland is good for eight hours from noon on.
func forFinland() preview.Token {
	return preview.Token{Grant: preview.Grant{Country: "FI"}, Environment: "prod", From: noon, Until: noon.Add(8 * time.Hour)}
}

func TestATokenGrantsWhatItSays(t *testing.T) {
	key, public := keyIn(t, t.TempDir(), "a")
	token := forFinland()
	token.Application, token.At = "web", noon.Add(time.Hour)
	got, err := verifier(t, public, noon).Verify(sign(t, key, token))
	if err != nil || got != token.Grant {
		t.Errorf("got %+v %v, want %+v", got, err, token.Grant)
	}
}

func TestATokenIsGoodForItsTime(t *testing.T) {
	key, public := keyIn(t, t.TempDir(), "a")
	signed := sign(t, key, forFinland())
	for after, want := range map[time.Duration]error{
		-time.Minute - time.Second: preview.ErrEarly,
		-time.Minute:               nil, // clocks differ
		0:                          nil,
		8 * time.Hour:              nil,
		8*time.Hour + time.Minute:  preview.ErrExpired,
		1e6 * time.Hour:            preview.ErrExpired,
	} {
		if _, err := verifier(t, public, noon.Add(after)).Verify(signed); !errors.Is(err, want) {
			t.Errorf("%s after noon: got %v, want %v", after, err, want)
		}
	}
}

func TestATokenIsForOneEnvironment(t *testing.T) {
	key, public := keyIn(t, t.TempDir(), "a")
	token := forFinland()
	token.Environment = "test"
	if _, err := verifier(t, public, noon).Verify(sign(t, key, token)); !errors.Is(err, preview.ErrEnvironment) {
		t.Errorf("got %v", err)
	}
}

// part encodes a part of a token.
func part(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(body)
}

// fields are the parts of a token, as JSON objects.
type fields map[string]any

// forge makes a token by hand, with a signature by a function.
func forge(header, claims fields, signature func(input []byte) []byte) string {
	input := part(header) + "." + part(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature([]byte(input)))
}

func TestForgeriesAreRefusedWithoutTellingWhy(t *testing.T) {
	dir := t.TempDir()
	key, public := keyIn(t, dir, "a")
	stranger, _ := keyIn(t, dir, "b")
	good := sign(t, key, forFinland())
	pieces := strings.Split(good, ".")
	var header, claims fields
	for i, into := range []*fields{&header, &claims} {
		body, err := base64.RawURLEncoding.DecodeString(pieces[i])
		if err != nil || json.Unmarshal(body, into) != nil {
			t.Fatal(err)
		}
	}
	with := func(f fields, name string, value any) fields {
		changed := fields{name: value}
		for n, v := range f {
			if n != name {
				changed[n] = v
			}
		}
		return changed
	}
	byKey := func(input []byte) []byte { return ed25519.Sign(key, input) }
	byPublicKey := func(secret []byte) func([]byte) []byte {
		return func(input []byte) []byte {
			mac := hmac.New(sha256.New, secret)
			mac.Write(input)
			return mac.Sum(nil)
		}
	}
	nothing := func([]byte) []byte { return nil }
	v := verifier(t, public, noon)
	if _, err := v.Verify(forge(header, claims, byKey)); err != nil {
		t.Fatalf("a token made by hand as it has to be is refused: %v", err)
	}
	publicKey, _ := key.Public().(ed25519.PublicKey)
	for name, token := range map[string]string{
		"nothing":                   "",
		"no token":                  "hello",
		"dots":                      "..",
		"four parts":                good + ".x",
		"two parts":                 pieces[0] + "." + pieces[1],
		"no signature":              pieces[0] + "." + pieces[1] + ".",
		"another country":           pieces[0] + "." + part(with(claims, "country", "US")) + "." + pieces[2],
		"a stranger's key":          sign(t, stranger, forFinland()),
		"a stranger's key, our kid": forge(header, claims, func(input []byte) []byte { return ed25519.Sign(stranger, input) }),
		"unknown kid":               forge(with(header, "kid", "x"), claims, byKey),
		"kid that is no string":     forge(with(header, "kid", 1), claims, byKey),
		"no kid":                    forge(fields{"alg": "EdDSA", "typ": header["typ"]}, claims, byKey),
		"alg none":                  forge(with(header, "alg", "none"), claims, nothing),
		"alg None":                  forge(with(header, "alg", "None"), claims, nothing),
		"HMAC with the public key":  forge(with(header, "alg", "HS256"), claims, byPublicKey(publicKey)),
		"HMAC with its PEM":         forge(with(header, "alg", "HS256"), claims, byPublicKey(read(t, public))),
		"another alg, our key":      forge(with(header, "alg", "RS256"), claims, byKey),
		"another type":              forge(with(header, "typ", "JWT"), claims, byKey),
		"something critical":        forge(with(header, "crit", []string{"b64"}), claims, byKey),
		"padding":                   good + "=",
		"white space":               " " + good,
		"last bits of base64":       good[:len(good)-1] + string(good[len(good)-1]+1),
		"huge":                      good + strings.Repeat("A", 1<<20),
		"huge, signed":              forge(header, with(claims, "more", strings.Repeat("A", 2000)), byKey),
		"claims that are a list":    pieces[0] + "." + part([]int{1}) + "." + pieces[2],
	} {
		if _, err := v.Verify(token); !errors.Is(err, preview.ErrUntrusted) {
			t.Errorf("%s: got %v, want ErrUntrusted", name, err)
		}
	}
	// Who has the key may say what makes no sense, and hears about it.
	for name, c := range map[string]fields{
		"no end":             {"aud": "prod", "nbf": noon.Unix(), "country": "FI"},
		"no beginning":       {"aud": "prod", "exp": noon.Add(time.Hour).Unix(), "country": "FI"},
		"longer than a week": with(claims, "exp", noon.Add(8*24*time.Hour).Unix()),
		"no country":         with(claims, "country", ""),
		"small letters":      with(claims, "country", "fi"),
		"no such country":    with(claims, "country", "ZZ"),
		"no environment":     with(claims, "aud", ""),
	} {
		if _, err := v.Verify(forge(header, c, byKey)); !errors.Is(err, preview.ErrTerms) {
			t.Errorf("%s: got %v, want ErrTerms", name, err)
		}
	}
}

// Whatever is done to a token, it grants nothing that it did not grant before.
func TestATokenThatWasTouchedGrantsNothing(t *testing.T) {
	key, public := keyIn(t, t.TempDir(), "a")
	good := sign(t, key, forFinland())
	v := verifier(t, public, noon)
	rapid.Check(t, func(r *rapid.T) {
		touched := []byte(good)
		for range rapid.IntRange(1, 3).Draw(r, "edits") {
			touched[rapid.IntRange(0, len(touched)-1).Draw(r, "place")] = rapid.Byte().Draw(r, "byte")
		}
		if string(touched) == good {
			return
		}
		if grant, err := v.Verify(string(touched)); !errors.Is(err, preview.ErrUntrusted) {
			r.Fatalf("%q grants %+v, %v", touched, grant, err)
		}
	})
}

func TestTokensThatNoEdgeWouldTakeAreNotMade(t *testing.T) {
	key, _ := keyIn(t, t.TempDir(), "a")
	for name, change := range map[string]func(*preview.Token){
		"no time":        func(p *preview.Token) { p.Until = p.From },
		"over before":    func(p *preview.Token) { p.Until = p.From.Add(-time.Hour) },
		"too long":       func(p *preview.Token) { p.Until = p.From.Add(preview.Longest + time.Second) },
		"no country":     func(p *preview.Token) { p.Country = "" },
		"no environment": func(p *preview.Token) { p.Environment = "" },
		"long name":      func(p *preview.Token) { p.Application = strings.Repeat("a", 2000) },
	} {
		token := forFinland()
		change(&token)
		if _, err := preview.Sign(token, key); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// Rotation: both keys for a while, then the new one alone, without a restart.
func TestKeysAreRotatedWhileAnEdgeRuns(t *testing.T) {
	dir := t.TempDir()
	before, publicBefore := keyIn(t, dir, "before")
	after, publicAfter := keyIn(t, dir, "after")
	file := filepath.Join(dir, "keys")
	change := func(body []byte, written time.Time) {
		write(t, file, body)
		if err := os.Chtimes(file, written, written); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	change(read(t, publicBefore), noon)
	v, err := preview.NewVerifier(preview.Config{
		File: file, Environment: "prod", Now: func() time.Time { return noon }, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	check := func(step string, wantBefore, wantAfter error) {
		t.Helper()
		for key, want := range map[*ed25519.PrivateKey]error{&before: wantBefore, &after: wantAfter} {
			if _, err := v.Verify(sign(t, *key, forFinland())); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", step, err, want)
			}
		}
	}
	check("the first alone", nil, preview.ErrUntrusted)
	change(append(read(t, publicBefore), read(t, publicAfter)...), noon.Add(time.Second))
	check("both", nil, nil)
	change(read(t, publicAfter), noon.Add(2*time.Second))
	check("the second alone", preview.ErrUntrusted, nil)
	change([]byte("nonsense"), noon.Add(3*time.Second))
	check("broken", preview.ErrUntrusted, nil)
	if n := strings.Count(log.String(), "the ones before stay"); n != 1 {
		t.Errorf("a broken file was told of %d times: %s", n, &log)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	check("gone", preview.ErrUntrusted, nil)
}

func TestKeysThatCanNotBeUsed(t *testing.T) {
	dir := t.TempDir()
	_, public := keyIn(t, dir, "a")
	private := filepath.Join(dir, "a.pem")
	if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is kept as %v, %v", info.Mode(), err)
	}
	if _, err := preview.CreateKey(private); ovenbird.CodeOf(err) != ovenbird.Conflict {
		t.Errorf("a key over another: %v", err)
	}
	if _, err := preview.ReadKey(private); err != nil {
		t.Error(err)
	}
	if _, err := preview.ReadKey(filepath.Join(dir, "none")); ovenbird.CodeOf(err) != ovenbird.NotFound {
		t.Errorf("no key: %v", err)
	}
	if _, err := preview.ReadKey(public); ovenbird.CodeOf(err) != ovenbird.Invalid {
		t.Errorf("a public key as a private one: %v", err)
	}
	for name, file := range map[string]string{"a private key": private, "none": filepath.Join(dir, "none"), "no keys": os.DevNull} {
		if _, err := preview.NewVerifier(preview.Config{File: file}); ovenbird.CodeOf(err) != ovenbird.Invalid {
			t.Errorf("%s for an edge: %v", name, err)
		}
	}
	if err := os.Chmod(private, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := preview.ReadKey(private); ovenbird.CodeOf(err) != ovenbird.Invalid || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
}
