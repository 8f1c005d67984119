package bucket

import (
	"context"
	"net/http"
	"testing"

	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
)

// TestDriverConformance runs the Go CDK's own suite over the disk driver.
func TestDriverConformance(t *testing.T) {
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		t.Helper()
		return &harness{dir: t.TempDir()}, nil
	}, nil)
}

type harness struct{ dir string }

func (h *harness) MakeDriver(context.Context) (driver.Bucket, error) { return openDisk(h.dir) }

func (h *harness) MakeDriverForNonexistentBucket(context.Context) (driver.Bucket, error) {
	return nil, nil //nolint:nilnil // the suite's way to say that opening makes the bucket
}

func (h *harness) HTTPClient() *http.Client         { return nil }
func (h *harness) SupportsCopy() bool               { return true }
func (h *harness) SupportsNonSlashDelimiters() bool { return true }
func (h *harness) Close()                           {}
