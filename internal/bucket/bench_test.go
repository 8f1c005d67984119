package bucket_test

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"strconv"
	"testing"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

// BenchmarkKinds compares a folder with a server that speaks S3 on the same
// machine, and counts requests to that.
func BenchmarkKinds(b *testing.B) {
	gateway := buckettest.StartGateway(b)
	p := newProxy(b, gateway)
	for _, kind := range []struct{ name, url string }{
		{"disk", b.TempDir()},
		{"s3", gateway.URL(gateway.NewBucket(b))},
		{"s3counted", buckettest.S3URL(gateway.NewBucket(b), p.URL)},
	} {
		opened, err := bucket.Open(b.Context(), bucket.Config{URL: kind.url})
		if err != nil {
			b.Fatal(err)
		}
		for _, operation := range operations {
			b.Run(operation.name+"/"+kind.name, func(b *testing.B) {
				step := operation.prepare(b, opened)
				p.total()
				for b.Loop() {
					if err := step(); err != nil {
						b.Fatal(err)
					}
				}
				if n := p.total(); n > 0 {
					b.ReportMetric(float64(n)/float64(b.N), "requests/op")
				}
			})
		}
	}
}

var operations = []struct {
	name    string
	prepare func(b *testing.B, on *bucket.Bucket) (step func() error)
}{
	{"Create1MiB", func(b *testing.B, on *bucket.Bucket) func() error {
		b.Helper()
		body, n, run := bytes.Repeat([]byte("x"), 1<<20), 0, rand.Text()
		return func() error {
			n++
			return on.Create(b.Context(), "packs/"+run+strconv.Itoa(n), body)
		}
	}},
	{"Read1MiB", func(b *testing.B, on *bucket.Bucket) func() error {
		b.Helper()
		if err := on.Create(b.Context(), "read", bytes.Repeat([]byte("x"), 1<<20)); err != nil {
			b.Fatal(err)
		}
		return func() error {
			_, _, err := on.Read(b.Context(), "read")
			return err
		}
	}},
	{"Swap", func(b *testing.B, on *bucket.Bucket) func() error {
		b.Helper()
		n, key, version := 0, "head"+rand.Text(), bucket.Version("")
		return func() (err error) {
			n++
			version, err = on.Swap(b.Context(), key, []byte(strconv.Itoa(n)), version)
			return err
		}
	}},
	{"Version", func(b *testing.B, on *bucket.Bucket) func() error {
		b.Helper()
		if err := on.Create(b.Context(), "polled", []byte("x")); err != nil {
			b.Fatal(err)
		}
		return func() error {
			_, err := on.Version(b.Context(), "polled")
			return err
		}
	}},
}

// total returns how many requests came since it was asked last.
func (p *proxy) total() int {
	n := 0
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete} {
		n += p.requests(method)
	}
	return n
}
