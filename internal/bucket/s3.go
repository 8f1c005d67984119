package bucket

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// s3Store is a bucket in a store that speaks S3. It reads, lists and deletes
// through blob. It writes through the client below it, because blob has no
// If-Match, and because blob would cut a large object into parts, which are
// several requests to fail between.
//
// docs/decisions/0012-conditional-writes-on-s3.md says why a write whose answer
// is lost comes out right.
type s3Store struct {
	blobs   *blob.Bucket // below prefix
	client  *s3.Client
	options s3blob.Options
	name    string // of the bucket
	prefix  string // of every key: "" or ends in "/"
	place   string // for messages

	attempts int
	backoff  retry.BackoffDelayer
}

// errCondition means that the store refused a write whose condition did not hold.
var errCondition = errors.New("the condition of the write does not hold")

// errBody means that an object began to arrive and did not arrive whole.
var errBody = errors.New("the object did not arrive whole")

func (s *s3Store) remote() bool { return true }

// rounds is how often a write looks at what others did meanwhile. Within a round
// the client has its own attempts.
const rounds = 4

func (s *s3Store) create(ctx context.Context, key string, body []byte) error {
	if err := checkS3Key(key); err != nil {
		return err
	}
	next := versionOf(body)
	var failed error
	for range rounds {
		failed = s.putIf(ctx, key, body, written{version: next}, absent)
		if failed == nil || ctx.Err() != nil {
			return failed
		}
		// Someone else's object, or our own, from an attempt whose answer was
		// lost: the content tells which, and ours is what there should be.
		there, err := s.look(ctx, key)
		switch {
		case err != nil:
			return errors.Join(failed, err)
		case there.version == next:
			return nil
		case there.version != "":
			return ErrChanged
		case !errors.Is(failed, errCondition):
			return failed
		}
	}
	return fmt.Errorf("objects keep coming and going under the key: %w", failed)
}

func (s *s3Store) swap(ctx context.Context, key string, body []byte, expect Version) (Version, error) {
	if err := checkS3Key(key); err != nil {
		return "", err
	}
	id, next := newWriteID(), versionOf(body)
	var before written // what the first attempt would replace
	var failed error   // the last attempt; nil before the first
	for range rounds {
		there, err := s.lookTwice(ctx, key)
		switch {
		case err != nil && failed != nil:
			return "", unknown(failed)
		case err != nil:
			return "", err
		case there.by(id):
			return next, nil // an attempt whose answer was lost
		case there.version != expect && failed != nil && there.mayHaveForgotten(before):
			return "", unknown(failed)
		case there.version != expect:
			return "", ErrChanged
		case failed != nil && !errors.Is(failed, errCondition):
			return "", unknown(failed)
		case failed == nil:
			before = there
		}
		failed = s.putIf(ctx, key, body, there.followedBy(id, next), there.condition())
		if failed == nil {
			return next, nil
		}
		if ctx.Err() != nil {
			return "", unknown(failed)
		}
	}
	return "", fmt.Errorf("the store refuses the condition although it holds: %w", failed)
}

// unknown says of a write that it may have taken effect.
func unknown(err error) error {
	return fmt.Errorf("the write may or may not have taken effect, or still do: %w", err)
}

// absent is the condition that there is no object; any other is an entity tag.
const absent = "*"

// putIf writes an object in one request if the condition holds, else errCondition.
func (s *s3Store) putIf(ctx context.Context, key string, body []byte, state written, condition string) error {
	input := s.input(key, body, Headers{ContentType: contentType, Metadata: state.metadata()})
	if condition == absent {
		input.IfNoneMatch = aws.String(absent)
	} else {
		input.IfMatch = &condition
	}
	_, err := s.client.PutObject(ctx, input)
	// Of a missing object an If-Match is not false but NoSuchKey.
	if code := codeOf(err); code == "PreconditionFailed" || code == "NoSuchKey" || statusOf(err) == http.StatusPreconditionFailed {
		return errCondition
	}
	return err
}

// put writes an object in one request. The client tries again what failed: that
// the same bytes are written twice does no harm.
func (s *s3Store) put(ctx context.Context, key string, body []byte, headers Headers) error {
	if err := checkS3Key(key); err != nil {
		return err
	}
	headers.Metadata = headers.metadata(versionOf(body))
	_, err := s.client.PutObject(ctx, s.input(key, body, headers))
	return err
}

func (s *s3Store) input(key string, body []byte, headers Headers) *s3.PutObjectInput {
	given := func(value string) *string {
		if value == "" {
			return nil
		}
		return &value
	}
	return &s3.PutObjectInput{
		Bucket: &s.name, Key: aws.String(s.prefix + key), Body: bytes.NewReader(body), Metadata: headers.Metadata,
		ContentType: given(headers.ContentType), ContentEncoding: given(headers.ContentEncoding), CacheControl: given(headers.CacheControl),
		ServerSideEncryption: s.options.EncryptionType, SSEKMSKeyId: given(s.options.KMSEncryptionID),
	}
}

// lookTwice is look, until two in a row see the same. A store that keeps objects
// as files may answer with the metadata of an object and the entity tag of the
// one that replaces it meanwhile; to write on that condition would overwrite what
// nobody has seen.
func (s *s3Store) lookTwice(ctx context.Context, key string) (written, error) {
	const most = 100 // replaced so often, an object is in use by more than a bucket
	seen, err := s.look(ctx, key)
	for range most {
		if err != nil {
			return written{}, err
		}
		before := seen
		if seen, err = s.look(ctx, key); err == nil && seen.equal(before) {
			return seen, nil
		}
	}
	return written{}, errors.Join(errors.New("the object is replaced all the time"), err)
}

// look returns what was written last, the zero value where there is nothing.
func (s *s3Store) look(ctx context.Context, key string) (written, error) {
	attributes, err := s.blobs.Attributes(ctx, key)
	if notFound(err) {
		return written{}, nil
	}
	if err != nil {
		return written{}, err
	}
	return writtenIn(attributes)
}

func (s *s3Store) read(ctx context.Context, key string) ([]byte, error) {
	return s.again(ctx, key, func() ([]byte, error) {
		r, err := s.blobs.NewReader(ctx, key, nil)
		if err != nil {
			return nil, err
		}
		defer r.Close() //nolint:errcheck // a failed close of a reader loses nothing
		body, err := io.ReadAll(r)
		if err != nil {
			return nil, cutShort(err)
		}
		// A proxy in between may end a body early as if it had been sent whole.
		var response s3.GetObjectOutput
		if r.As(&response) {
			if sum := response.Metadata[versionKey]; sum != "" && Version(sum) != versionOf(body) {
				return nil, fmt.Errorf("%w: its content is not what was written", errBody)
			}
		}
		return body, nil
	})
}

func (s *s3Store) readRange(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	if length <= 0 {
		return s.readNothing(ctx, key, offset, length)
	}
	return s.again(ctx, key, func() ([]byte, error) {
		r, err := s.blobs.NewRangeReader(ctx, key, offset, length, nil)
		if statusOf(err) == http.StatusRequestedRangeNotSatisfiable {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		defer r.Close() //nolint:errcheck // a failed close of a reader loses nothing
		body, err := readExactly(r, offset, length)
		if err != nil && body != nil {
			return nil, cutShort(err)
		}
		return body, err
	})
}

// cutShort is errBody, and not io.ErrUnexpectedEOF, which means that the object
// has no more bytes.
func cutShort(err error) error { return fmt.Errorf("%w: %s", errBody, err.Error()) }

// readNothing is a range without bytes, which HTTP does not have.
func (s *s3Store) readNothing(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	attributes, err := s.blobs.Attributes(ctx, key)
	if err != nil {
		return nil, err
	}
	if length < 0 || offset < 0 || offset > attributes.Size {
		return nil, io.ErrUnexpectedEOF
	}
	return []byte{}, nil
}

// again reads until a body arrives whole. What fails before the body begins has
// been tried again by the client.
func (s *s3Store) again(ctx context.Context, key string, read func() ([]byte, error)) ([]byte, error) {
	if checkS3Key(key) != nil {
		return nil, ErrNotFound
	}
	for attempt := 1; ; attempt++ {
		body, err := read()
		if !errors.Is(err, errBody) {
			return body, err
		}
		if attempt >= s.attempts || ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), err)
		}
		pause, backoffErr := s.backoff.BackoffDelay(attempt, err)
		if backoffErr != nil {
			return nil, errors.Join(err, backoffErr)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// errS3Key says which keys a bucket in S3 takes. S3 itself takes others, but
// clients, proxies and stores that keep files change them on the way.
var errS3Key = errors.New(`on S3 a key has no segment that is empty or ends in "..", none that is ".", no control character and no "__0x"`)

func checkS3Key(key string) error {
	odd := !utf8.ValidString(key) || strings.Contains(key, "__0x") || // how blob writes odd characters
		strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c == 0x7f })
	for segment := range strings.SplitSeq(key, "/") {
		odd = odd || segment == "" || segment == "." || strings.HasSuffix(segment, "..")
	}
	if odd {
		return fmt.Errorf("%w: %q", errS3Key, key)
	}
	return nil
}

// codeOf returns the code by which S3 calls an error, "" where it has none.
func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// statusOf returns the HTTP status of an error, 0 where there was no answer.
func statusOf(err error) int {
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}
