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
	if err := s.put(ctx, key, first, written{version: versionOf(first)}, absent); err != nil {
		return s.probeFailed("If-None-Match", err)
	}
	defer func() { err = errors.Join(err, s.removeProbe(ctx, key)) }()
	attempt := func(condition string) error {
		return s.put(ctx, key, second, written{version: versionOf(second)}, condition)
	}
	if err := s.mustRefuse("If-None-Match", attempt(absent)); err != nil {
		return err
	}
	// An entity tag that no store gives to "first".
	if err := s.mustRefuse("If-Match", attempt(`"00000000000000000000000000000000"`)); err != nil {
		return err
	}
	there, err := s.look(ctx, key)
	if err != nil {
		return err
	}
	if there.version != versionOf(first) {
		return s.ignores("If-None-Match or If-Match, although it says that it does not,")
	}
	if err := attempt(there.tag); err != nil {
		return s.probeFailed("If-Match", err)
	}
	if there, err = s.look(ctx, key); err == nil && there.version != versionOf(second) {
		return settings(s.place, "shows an old state of an object after a new one was written; use a store that is consistent", nil)
	}
	return err
}

// mustRefuse checks the answer to a write whose condition does not hold.
func (s *s3Store) mustRefuse(condition string, err error) error {
	switch {
	case errors.Is(err, errCondition):
		return nil
	case err == nil:
		return s.ignores(condition)
	default:
		return s.probeFailed(condition, err)
	}
}

func (s *s3Store) ignores(condition string) error {
	return settings(s.place, "ignores the condition "+condition+" of a write, so that two writers would overwrite each other; "+
		"use a store that has conditional writes", nil)
}

// probeFailed is the error of a write that should have succeeded or been refused
// for its condition.
func (s *s3Store) probeFailed(condition string, err error) error {
	switch status := statusOf(err); {
	case errors.Is(err, errCondition):
		return settings(s.place, "refuses a write although its condition "+condition+" holds; use a store that has conditional writes", nil)
	case status == http.StatusNotImplemented || status == http.StatusBadRequest:
		return settings(s.place, "has no condition "+condition+" for writes; use a store that has conditional writes", brief(err))
	default:
		return fmt.Errorf("writing with the condition %s: %w", condition, err)
	}
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
