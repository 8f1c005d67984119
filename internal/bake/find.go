package bake

import (
	"context"
	"errors"

	"ovenbird/internal/engine"
	"ovenbird/internal/ovenbird"
)

// Submit queues a bake and returns its id.
func (s *Service) Submit(ctx context.Context, request Request) (id string, err error) {
	handle, err := s.workflow.Submit(ctx, "", request)
	if err != nil {
		return "", err
	}
	return handle.ID(), nil
}

// Find returns how far a bake is, its outcome where it has ended, and failure
// where it came to none. The error is NotFound for an id that is no bake's.
func (s *Service) Find(ctx context.Context, id string) (progress engine.Progress, outcome Outcome, failure, err error) {
	progress, outcome, failure, err = s.workflow.Find(ctx, id)
	if errors.Is(err, engine.ErrNoExecution) {
		err = ovenbird.Errorf(ovenbird.NotFound, "there is no bake with the id %q", id)
	}
	return progress, outcome, failure, err
}
