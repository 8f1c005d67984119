package source

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// WebhookPath is where Webhooks takes calls, followed by the name of a source.
const WebhookPath = "/sources/"

// webhookBytes is the most that a webhook may send. What it sends is not looked
// at: the source itself says what changed.
const webhookBytes = 1 << 20

// signatureHeader has the HMAC-SHA256 of the body with the secret as its key, as
// "sha256=" and hexadecimal digits: the header that GitHub made the custom.
const signatureHeader = "X-Hub-Signature-256"

// Webhooks returns what answers POST /sources/NAME: a call that proves to know the
// source's secret, by its HMAC of the body or as a bearer token, has the source
// read soon. Answers: 202, or a problem (RFC 9457) with 401, 404, 405 or 413.
func (s *Service) Webhooks() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+WebhookPath+"{name}", s.webhook)
	mux.HandleFunc(WebhookPath, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			problem(w, http.StatusMethodNotAllowed, "use POST")
			return
		}
		problem(w, http.StatusNotFound, "the address is "+WebhookPath+"NAME, with the name of a source that has a webhook")
	})
	return mux
}

func (s *Service) webhook(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	f, ok := s.followers[name]
	if !ok || f.Webhook == "" {
		problem(w, http.StatusNotFound, "there is no source of this name that has a webhook")
		return
	}
	secret, err := f.secret(f.Webhook)
	if err != nil {
		s.cfg.Log.ErrorContext(r.Context(), "webhook refused", "source", name, "error", err)
		problem(w, http.StatusServiceUnavailable, "the secret of this webhook is not set")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webhookBytes))
	if err != nil {
		problem(w, http.StatusRequestEntityTooLarge, "a webhook's body has one megabyte at most, and is read to its end")
		return
	}
	if !knows(r.Header, body, secret) {
		w.Header().Set("WWW-Authenticate", "Bearer")
		problem(w, http.StatusUnauthorized, "send the secret as a bearer token, or the HMAC-SHA256 of the body as "+signatureHeader)
		return
	}
	s.Nudge(name, "webhook")
	w.WriteHeader(http.StatusAccepted)
}

// knows reports whether a request proves to know a secret. It takes as long
// whatever is wrong.
func knows(header http.Header, body []byte, secret string) bool {
	if token, ok := strings.CutPrefix(header.Get("Authorization"), "Bearer "); ok {
		given, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(secret))
		return subtle.ConstantTimeCompare(given[:], want[:]) == 1
	}
	digits, _ := strings.CutPrefix(header.Get(signatureHeader), "sha256=")
	given, err := hex.DecodeString(digits)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hmac.Equal(given, mac.Sum(nil)) && err == nil
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	body, err := json.Marshal(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
	if err == nil {
		w.Write(body)
	}
}
