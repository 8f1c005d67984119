package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// openS3 opens a bucket in a store that speaks S3.
func openS3(ctx context.Context, config Config) (*Bucket, error) {
	store, err := newS3Store(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := store.haveCredentials(ctx); err != nil {
		return nil, err
	}
	if err := store.greet(ctx); err != nil {
		return nil, fmt.Errorf("opening the bucket: %w", store.explain(err))
	}
	return &Bucket{blobs: store.blobs, store: store}, nil
}

// newS3Store prepares a store without asking it anything.
func newS3Store(ctx context.Context, config Config) (*s3Store, error) {
	name, prefix, u, err := parseS3URL(config.URL)
	if err != nil {
		return nil, err
	}
	// The Go CDK reads the URL and AWS's settings; its client then learns to try
	// again as we need it, and not to wait for ever.
	var opener s3blob.URLOpener
	opened, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, settings("s3://"+name, "can not be opened; see the parameters of the URL and the files of the AWS tools", err)
	}
	defer opened.Close() //nolint:errcheck // it holds nothing: its client is what is used
	var client *s3.Client
	if !opened.As(&client) {
		return nil, fmt.Errorf("opening s3://%s: the driver has no client", name)
	}
	options := client.Options()
	if options.Region == "" {
		return nil, settings("s3://"+name, "needs a region; add ?region=REGION to the URL or set AWS_REGION "+
			"(stores other than AWS mostly take us-east-1)", nil)
	}
	options.Retryer = newRetryer(config)
	options.HTTPClient = watchdog{options.HTTPClient, config.Stall}
	store := &s3Store{
		client: s3.New(options), options: opener.Options, name: name, prefix: prefix,
		place:    fmt.Sprintf("s3://%s/%s at %s in region %s", name, prefix, endpointOf(u.Query().Get("endpoint")), options.Region),
		attempts: config.Attempts, backoff: retry.NewExponentialJitterBackoff(config.LongestPause),
	}
	if store.blobs, err = s3blob.OpenBucket(ctx, store.client, name, &opener.Options); err != nil {
		return nil, fmt.Errorf("opening s3://%s: %w", name, err)
	}
	if prefix != "" {
		store.blobs = blob.PrefixedBucket(store.blobs, prefix)
	}
	return store, nil
}

func endpointOf(parameter string) string {
	if parameter == "" {
		return "AWS"
	}
	return parameter
}

// newRetryer tries again what may go well the next time: lost connections,
// stalls, 5xx, throttling, and 409, by which S3 says that two conditional writes
// met. That the answer to an earlier attempt may have been lost is for the
// caller to think of.
func newRetryer(config Config) aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff = config.Attempts, config.LongestPause
		o.Backoff = retry.NewExponentialJitterBackoff(config.LongestPause)
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.RetryableErrorCode{Codes: map[string]struct{}{
			"ConditionalRequestConflict": {}, "OperationAborted": {},
		}})
	})
}

// haveCredentials reports where there are none, which S3 would say in other words.
func (s *s3Store) haveCredentials(ctx context.Context) error {
	provider := s.client.Options().Credentials
	if provider == nil || aws.IsCredentialsProvider(provider, aws.AnonymousCredentials{}) {
		return nil
	}
	_, err := provider.Retrieve(ctx)
	if err != nil && ctx.Err() == nil {
		return settings(s.place, "needs credentials, and there are none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "+
			"AWS_PROFILE, or give the machine a role", err)
	}
	return ctx.Err()
}

// greet asks for an object that is not there. To read is what everyone who uses
// a bucket may do. Who may not list is told 403 instead of 404.
func (s *s3Store) greet(ctx context.Context) error {
	key := s.prefix + ProbePrefix + "greeting"
	response, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.name, Key: &key})
	switch {
	case err == nil:
		return response.Body.Close()
	case codeOf(err) == "NoSuchKey", codeOf(err) == "AccessDenied":
		return nil
	default:
		return err
	}
}

// mistake is what a person can put right, by the codes with which S3 tells it.
type mistake struct {
	codes  []string
	remedy string
}

// mistakes names what stores answer. The answers to HEAD have no body, and
// therefore their status as the code.
var mistakes = []mistake{
	{[]string{"NoSuchBucket"}, "does not exist; make it, or correct the name, endpoint or region"},
	{
		[]string{
			"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "ExpiredTokenException",
			"TokenRefreshRequired", "InvalidClientTokenId", "Unauthorized",
		},
		"refuses the credentials; see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the machine's role",
	},
	{
		[]string{"AccessDenied", "Forbidden"},
		"does not allow this to these credentials; give them the policy of their role, in docs/storage.md",
	},
	{
		[]string{"PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"},
		"is in another region; correct region= in the URL, or AWS_REGION",
	},
	{[]string{"RequestTimeTooSkewed"}, "finds that the clock of this machine is wrong; set it right"},
	{
		[]string{"NotImplemented"},
		"does not have what a bucket needs, conditional writes above all; use a store that has them",
	},
}

func (s *s3Store) explain(err error) error {
	code := codeOf(err)
	for _, m := range mistakes {
		if slices.Contains(m.codes, code) {
			return settings(s.place, m.remedy, brief(err))
		}
	}
	var network *net.OpError
	var name *net.DNSError
	switch {
	case isAny(err, context.Canceled, context.DeadlineExceeded, ErrSettings, ErrChanged, errS3Key, io.ErrUnexpectedEOF):
		return err
	case errors.As(err, &name):
		return fmt.Errorf("%s can not be reached; see the endpoint and the network: %w", s.place, name)
	case errors.As(err, &network):
		return fmt.Errorf("%s can not be reached; see the endpoint, the network and whether the store is up: %w", s.place, network)
	case errors.Is(err, errStalled):
		return fmt.Errorf("%s does not answer; see the network and whether the store is up: %w", s.place, errStalled)
	default:
		return fmt.Errorf("%s: %w", s.place, err)
	}
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// brief is what a store said, without the circumstances.
func brief(err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if response, ok := errors.AsType[*awshttp.ResponseError](err); ok && response.ServiceRequestID() != "" {
			return fmt.Errorf("%s: %s (request %s)", api.ErrorCode(), api.ErrorMessage(), response.ServiceRequestID())
		}
		return fmt.Errorf("%s: %s", api.ErrorCode(), api.ErrorMessage())
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err
}
