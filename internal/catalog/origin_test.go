package catalog_test

import (
	"slices"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"ovenbird/internal/catalog"
	"ovenbird/internal/trace"
)

// applyTraced applies a line below a span of its own, and returns the trace's id.
func applyTraced(t *testing.T, store *catalog.Store, line string) (id string) {
	t.Helper()
	ctx, span := trace.NewTracer(sdk.NewTracerProvider()).Begin(t.Context(), "edit", trace.Server, trace.Cause{})
	defer span.End(nil)
	if _, err := store.Apply(ctx, catalog.Batch{Actor: "test", Records: parse(t, line)}); err != nil {
		t.Fatal(err)
	}
	return trace.ID(trace.Parent(ctx))
}

func TestOriginTellsTheTracesOfChanges(t *testing.T) {
	store := newStore(t)
	first := applyTraced(t, store, `{"type":"title","id":"t1","kind":"movie"}`)
	mustApply(t, store, `{"type":"title","id":"t2","kind":"movie"}`)
	second := applyTraced(t, store, `{"type":"title","id":"t3","kind":"movie"}`)
	_ = applyTraced(t, store, `{"type":"title","id":"t3","kind":"movie"}`) // changes nothing

	for _, test := range []struct {
		after, last int64
		want        []string
	}{
		{0, 3, []string{first, second}},
		{0, 1, []string{first}},
		{1, 3, []string{second}},
		{1, 2, nil},
		{3, 3, nil},
	} {
		origin, err := store.Origin(t.Context(), test.after, test.last)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, traceparent := range origin.Traces {
			got = append(got, trace.ID(traceparent))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("after %d up to %d: got %v, want %v", test.after, test.last, got, test.want)
		}
		if empty := test.after == test.last; origin.First.IsZero() != empty || !empty && !origin.First.Equal(noon) {
			t.Errorf("after %d up to %d: first %s", test.after, test.last, origin.First)
		}
	}
}
