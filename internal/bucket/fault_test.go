package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ovenbird/internal/bucket"
	"ovenbird/internal/bucket/buckettest"
)

// attempts is how often quick tries a request.
const attempts = 4

// faulty is a bucket behind a proxy, and the same one without it.
func faulty(t *testing.T) (p *proxy, b, direct *bucket.Bucket) {
	t.Helper()
	return behindProxy(t, 500*time.Millisecond)
}

// patient is faulty for faults that take their time and are no stalls.
func patient(t *testing.T) (p *proxy, b, direct *bucket.Bucket) {
	t.Helper()
	return behindProxy(t, time.Minute)
}

func behindProxy(t *testing.T, stall time.Duration) (p *proxy, b, direct *bucket.Bucket) {
	t.Helper()
	gateway := buckettest.StartGateway(t)
	p = newProxy(t, gateway)
	name := gateway.NewBucket(t)
	var opened [2]*bucket.Bucket
	for i, url := range []string{buckettest.S3URL(name, p.URL), gateway.URL(name)} {
		config := quick(url)
		if i == 1 {
			stall = time.Minute // nothing is wrong with the gateway, however busy the machine
		}
		config.Stall = stall
		b, err := bucket.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		opened[i] = b
	}
	return p, opened[0], opened[1]
}

// each returns as many of the faults as a request has attempts.
func each(f fault) []fault { return slices.Repeat([]fault{f}, attempts) }

// passingFaults are those that go away, so that the attempt after them succeeds.
var passingFaults = map[string][]fault{
	"500 twice":                 {refusing(500, "InternalError"), refusing(500, "InternalError")},
	"503":                       {refusing(503, "SlowDown")},
	"409":                       {refusing(409, "ConditionalRequestConflict"), refusing(409, "OperationAborted")},
	"cut before":                {cutting},
	"no answer, not written":    {hanging},
	"answer lost":               {losing},
	"error after the write":     {lateError},
	"no answer, but written":    {silent},
	"lost, and 500 to the next": {losing, refusing(500, "InternalError")},
	"lost, and 412 to all":      {losing, refusing(412, "PreconditionFailed")},
	"cut, then lost":            {cutting, losing},
}

func TestCreateSucceedsThroughPassingFaults(t *testing.T) {
	p, b, direct := faulty(t)
	for name, faults := range passingFaults {
		p.inject(http.MethodPut, faults...)
		if err := b.Create(t.Context(), "packs/"+name, []byte(name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if body, _, err := direct.Read(t.Context(), "packs/"+name); string(body) != name {
			t.Errorf("%s: there is %q, %v", name, body, err)
		}
	}
}

func TestSwapSucceedsThroughPassingFaults(t *testing.T) {
	p, b, direct := faulty(t)
	var version bucket.Version
	for name, faults := range passingFaults {
		p.inject(http.MethodPut, faults...)
		next, err := b.Swap(t.Context(), "head", []byte(name), version)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if body, stored, err := direct.Read(t.Context(), "head"); string(body) != name || stored != next {
			t.Errorf("%s: there is %q in version %s, %v; want version %s", name, body, stored, err, next)
		}
		version = next
	}
}

func TestCreateTellsOthersContentFromItsOwn(t *testing.T) {
	p, b, direct := faulty(t)
	for name, f := range map[string]fault{"409": refusing(409, "ConditionalRequestConflict"), "503": refusing(503, "SlowDown"), "cut": cutting} {
		mustCreateIn(t, direct, name, "someone else's")
		p.inject(http.MethodPut, f)
		if err := b.Create(t.Context(), name, []byte("mine")); !errors.Is(err, bucket.ErrChanged) {
			t.Errorf("%s: got %v, want ErrChanged", name, err)
		}
	}
}

// TestSwapIsNotTakenForAnothersOfTheSameContent: two who add one to the same
// number write the same bytes, and only one of them has counted.
func TestSwapIsNotTakenForAnothersOfTheSameContent(t *testing.T) {
	p, b, direct := patient(t)
	base, err := b.Swap(t.Context(), "n", []byte("5"), "")
	if err != nil {
		t.Fatal(err)
	}
	other := func() {
		if _, err := direct.Swap(t.Context(), "n", []byte("6"), base); err != nil {
			t.Error(err)
		}
	}
	p.inject(http.MethodPut, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		other()
		cutting(w, r, nil) // the client can not know whether it was its own write
	})
	if _, err := b.Swap(t.Context(), "n", []byte("6"), base); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("got %v, want ErrChanged: the other one counted, this one did not", err)
	}
}

// TestSwapKnowsItselfUnderLaterOnes: the answer was lost, and others went on from
// what was written before the client looked.
func TestSwapKnowsItselfUnderLaterOnes(t *testing.T) {
	p, b, direct := patient(t)
	base, err := b.Swap(t.Context(), "head", []byte("base"), "")
	if err != nil {
		t.Fatal(err)
	}
	p.inject(http.MethodPut, losingThen(func() { swapAgain(t, direct, 10) }))
	if _, err := b.Swap(t.Context(), "head", []byte("mine"), base); err != nil {
		t.Errorf("an own success, overwritten since: got %v", err)
	}
	if body, _, _ := direct.Read(t.Context(), "head"); string(body) != "later 10" {
		t.Errorf("there is %q: a lost write was repeated over later ones", body)
	}
}

// TestSwapDoesNotTrustATornLook: the store answers with the version of one object
// and the entity tag of the next.
func TestSwapDoesNotTrustATornLook(t *testing.T) {
	p, b, direct := patient(t)
	base, err := b.Swap(t.Context(), "head", []byte("base"), "")
	if err != nil {
		t.Fatal(err)
	}
	p.inject(http.MethodHead, torn(func() { swapAgain(t, direct, 1) }))
	if _, err := b.Swap(t.Context(), "head", []byte("mine"), base); !errors.Is(err, bucket.ErrChanged) {
		t.Errorf("got %v, want ErrChanged", err)
	}
	if body, _, _ := direct.Read(t.Context(), "head"); string(body) != "later 1" {
		t.Errorf("there is %q: a write that nobody saw was overwritten", body)
	}
}

// TestSwapDoesNotGuess: so much was written since that nothing tells anymore.
func TestSwapDoesNotGuess(t *testing.T) {
	p, b, direct := patient(t)
	base, err := b.Swap(t.Context(), "head", []byte("base"), "")
	if err != nil {
		t.Fatal(err)
	}
	p.inject(http.MethodPut, losingThen(func() { swapAgain(t, direct, 70) }))
	_, err = b.Swap(t.Context(), "head", []byte("mine"), base)
	if err == nil || errors.Is(err, bucket.ErrChanged) || !strings.Contains(err.Error(), "may or may not") {
		t.Errorf("got %v", err)
	}
}

func swapAgain(t *testing.T, b *bucket.Bucket, times int) {
	t.Helper()
	for i := range times {
		_, version, err := b.Read(t.Context(), "head")
		if err == nil {
			_, err = b.Swap(t.Context(), "head", fmt.Appendf(nil, "later %d", i+1), version)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWritesGiveUp(t *testing.T) {
	p, b, direct := faulty(t)
	for name, f := range map[string]fault{"503": refusing(503, "SlowDown"), "cut": cutting, "409": refusing(409, "ConditionalRequestConflict")} {
		p.inject(http.MethodPut, append(each(f), each(f)...)...)
		p.requests(http.MethodPut)
		if err := b.Create(t.Context(), name, []byte("x")); err == nil || errors.Is(err, bucket.ErrChanged) {
			t.Errorf("%s: Create: got %v", name, err)
		}
		if n := p.requests(http.MethodPut); n != attempts {
			t.Errorf("%s: Create made %d attempts, want %d", name, n, attempts)
		}
		p.inject(http.MethodPut, append(each(f), each(f)...)...)
		_, err := b.Swap(t.Context(), name, []byte("x"), "")
		if err == nil || errors.Is(err, bucket.ErrChanged) || !strings.Contains(err.Error(), "may or may not") {
			t.Errorf("%s: Swap: got %v", name, err)
		}
		if _, err := direct.Stat(t.Context(), name); !errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
}

func TestEndOfTheContextEndsTrying(t *testing.T) {
	p, b, _ := faulty(t)
	for name, write := range map[string]func(context.Context) error{
		"Create": func(ctx context.Context) error { return b.Create(ctx, "a", []byte("x")) },
		"Swap": func(ctx context.Context) error {
			_, err := b.Swap(ctx, "b", []byte("x"), "")
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		p.requests(http.MethodPut)
		p.inject(http.MethodPut, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
			cancel()
			cutting(w, r, pass)
		})
		if err := write(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, bucket.ErrChanged) {
			t.Errorf("%s: got %v", name, err)
		}
		if n := p.requests(http.MethodPut); n != 1 {
			t.Errorf("%s: made %d attempts after the context ended", name, n)
		}
	}
}

func TestReadsSucceedThroughPassingFaults(t *testing.T) {
	p, b, direct := faulty(t)
	content := strings.Repeat("0123456789", 20_000)
	mustCreateIn(t, direct, "a", content)
	for name, f := range map[string]fault{
		"500": refusing(500, "InternalError"), "503": refusing(503, "SlowDown"), "cut": cutting, "no answer": hanging,
		"truncated": half(cutOff), "stalled": half(stall),
	} {
		p.inject(http.MethodGet, slices.Repeat([]fault{f}, 2)...)
		if body, _, err := b.Read(t.Context(), "a"); err != nil || string(body) != content {
			t.Errorf("%s: Read: %d bytes, %v", name, len(body), err)
		}
		p.inject(http.MethodGet, slices.Repeat([]fault{f}, 2)...)
		if body, err := b.ReadRange(t.Context(), "a", 5, 100_000); err != nil || string(body) != content[5:100_005] {
			t.Errorf("%s: ReadRange: %d bytes, %v", name, len(body), err)
		}
	}
	p.inject(http.MethodGet, shortened)
	if body, _, err := b.Read(t.Context(), "a"); err != nil || string(body) != content {
		t.Errorf("cut as if it were whole: Read: %d bytes, %v", len(body), err)
	}
}

func TestReadsThatNeverArriveFail(t *testing.T) {
	p, b, direct := faulty(t)
	mustCreateIn(t, direct, "a", strings.Repeat("x", 100_000))
	for name, f := range map[string]fault{"truncated": half(cutOff), "shortened": shortened, "503": refusing(503, "SlowDown")} {
		p.inject(http.MethodGet, append(each(f), each(f)...)...)
		if _, _, err := b.Read(t.Context(), "a"); err == nil || errors.Is(err, bucket.ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func mustCreateIn(t *testing.T, b *bucket.Bucket, key, body string) {
	t.Helper()
	if err := b.Create(t.Context(), key, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

// TestNoWriteIsLostOrInvented has writers add their names to a list while writes
// meet faults by chance: who was told that it worked is on the list once, who was
// told that it was changed is not, and who was told neither at most once.
func TestNoWriteIsLostOrInvented(t *testing.T) {
	p, b, direct := faulty(t)
	kinds := []fault{
		passing, passing, refusing(500, "InternalError"), refusing(409, "ConditionalRequestConflict"),
		refusing(412, "PreconditionFailed"), cutting, losing, lateError,
	}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		key := fmt.Sprintf("lists/%d", run)
		var faults []fault
		for _, kind := range rapid.SliceOfN(rapid.IntRange(0, len(kinds)-1), 0, 60).Draw(rt, "faults") {
			faults = append(faults, kinds[kind])
		}
		p.inject(http.MethodPut, faults...)
		l := &list{key: key, outcome: map[string]error{}}
		var all sync.WaitGroup
		for writer := range 3 {
			all.Go(func() { l.add(t.Context(), b, writer) })
		}
		all.Wait()
		p.inject(http.MethodPut)
		body, _, err := direct.Read(t.Context(), key)
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			rt.Fatal(err)
		}
		for name, outcome := range l.outcome {
			n := strings.Count(string(body), name+"\n")
			switch {
			case outcome == nil && n != 1, errors.Is(outcome, bucket.ErrChanged) && n != 0, n > 1:
				rt.Errorf("%s was told %v and is on the list %d times:\n%s", name, outcome, n, body)
			}
		}
	})
}

// list is an object with a line for each addition.
type list struct {
	key string

	mu      sync.Mutex
	outcome map[string]error // what Swap said, by addition
}

func (l *list) add(ctx context.Context, b *bucket.Bucket, writer int) {
	const additions = 4
	for i := range additions {
		body, version, err := b.Read(ctx, l.key)
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			continue
		}
		name := fmt.Sprintf("writer %d, addition %d", writer, i)
		_, err = b.Swap(ctx, l.key, append(body, name+"\n"...), version)
		l.mu.Lock()
		l.outcome[name] = err
		l.mu.Unlock()
	}
}
