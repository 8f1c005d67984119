package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ProbePrefix begins the keys of the objects that Probe writes and removes.
const ProbePrefix = "probe/"

// probe writes where it must be refused, and where it must not.
func (s *s3Store) probe(ctx context.Context) (err error) {
	key := ProbePrefix + rand.Text()
	first, second := []byte("first"), []byte("second")
	defer func() { err = errors.Join(err, s.removeProbe(ctx, key)) }()
	if err := s.mustWrite(ctx, key, first, absent, "If-None-Match"); err != nil {
		return err
	}
	if err := s.mustRefuse(ctx, key, second, absent, "If-None-Match"); err != nil {
		return err
	}
	// An entity tag that no store gives to "first".
	if err := s.mustRefuse(ctx, key, second, `"00000000000000000000000000000000"`, "If-Match"); err != nil {
		return err
	}
	there, err := s.look(ctx, key)
	if err != nil {
		return err
	}
	if there.version != versionOf(first) {
		return s.ignores("If-None-Match or If-Match, although it says that it does not,")
	}
	return s.mustWrite(ctx, key, second, there.tag, "If-Match")
}

// mustWrite writes an object under a condition that holds.
func (s *s3Store) mustWrite(ctx context.Context, key string, body []byte, condition, header string) error {
	next := versionOf(body)
	failed := s.putIf(ctx, key, body, written{version: next}, condition)
	if failed != nil && !errors.Is(failed, errCondition) {
		return s.probeFailed(header, failed)
	}
	there, err := s.look(ctx, key)
	switch {
	case err != nil:
		return err
	case there.version == next:
		return nil // also where the answer was lost, and the next attempt refused
	case failed != nil:
		return settings(s.place, "refuses a write although its condition "+header+" holds; use a store that has conditional writes", nil)
	default:
		return settings(s.place, "shows an old state of an object after a new one was written; use a store that is consistent", nil)
	}
}

// mustRefuse writes an object under a condition that does not hold.
func (s *s3Store) mustRefuse(ctx context.Context, key string, body []byte, condition, header string) error {
	err := s.putIf(ctx, key, body, written{version: versionOf(body)}, condition)
	switch {
	case errors.Is(err, errCondition):
		return nil
	case err == nil:
		return s.ignores(header)
	default:
		return s.probeFailed(header, err)
	}
}

func (s *s3Store) ignores(condition string) error {
	return settings(s.place, "ignores the condition "+condition+" of a write, so that two writers would overwrite each other; "+
		"use a store that has conditional writes", nil)
}

// probeFailed is the error of a write that failed for another reason than its
// condition.
func (s *s3Store) probeFailed(header string, err error) error {
	if status := statusOf(err); status == http.StatusNotImplemented || status == http.StatusBadRequest {
		return settings(s.place, "has no condition "+header+" for writes; use a store that has conditional writes", brief(err))
	}
	return fmt.Errorf("writing with the condition %s: %w", header, err)
}

// removeProbe removes the object of a probe, also when ctx has ended meanwhile.
func (s *s3Store) removeProbe(ctx context.Context, key string) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.name, Key: aws.String(s.prefix + key)})
	if err != nil {
		return fmt.Errorf("removing the probe: %w", err)
	}
	return nil
}
