package origin

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ovenbird/internal/ovenbird"
	"ovenbird/internal/spread"
)

// post keeps what a reporter sends, unless it fails.
type post struct {
	mu    sync.Mutex
	sent  []spread.Report
	tries int
	fail  error
}

func (p *post) send(_ context.Context, r spread.Report) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	if p.fail == nil {
		p.sent = append(p.sent, r)
	}
	return p.fail
}

// taken returns what was sent, and how often that was tried.
func (p *post) taken() (sent []spread.Report, tries int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent), p.tries
}

func (p *post) failing(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

func newReporter(t *testing.T, p *post) *Reporter {
	t.Helper()
	r := NewReporter(func() string { return "edge" }, []ovenbird.Country{"FI"}, p.send, nil)
	if err := r.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return r
}

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func serves(r *Reporter, release string) {
	r.Changed(func(report *spread.Report) { report.Previous, report.Release = report.Release, release })
}

func TestAnEdgeReportsOncePerReleaseThatItIsAliveAndThatItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		r := newReporter(t, p)
		serves(r, "r1")
		wait(time.Second)
		serves(r, "r2")
		serves(r, "r3") // at once: one report of both
		wait(time.Second)
		sent, _ := p.taken()
		if len(sent) != 2 || sent[0].Release != "r1" || sent[1].Release != "r3" {
			t.Fatalf("got %+v, want a report of r1 and one of r3", sent)
		}
		if got := sent[1]; got.Edge != "edge" || !slices.Equal(got.Countries, []ovenbird.Country{"FI"}) || time.Since(got.Sent) > time.Second {
			t.Errorf("got %+v", got)
		}
		wait(3 * spread.Beat)
		if sent, _ := p.taken(); len(sent) < 4 || len(sent) > 6 {
			t.Errorf("after three beats there are %d reports", len(sent))
		}
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		sent, _ = p.taken()
		if last := sent[len(sent)-1]; !last.Leaving || last.Edge != "edge" {
			t.Errorf("at the end: %+v", last)
		}
	})
}

func TestWhatCouldNotBeReportedIsLaterUnlessThereIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{fail: errors.New("the origin is gone")}
		r := newReporter(t, p)
		serves(r, "r1")
		wait(time.Hour)
		if _, tries := p.taken(); tries < 10 || tries > 150 {
			t.Errorf("in an hour it was tried %d times", tries)
		}
		serves(r, "r2")
		wait(time.Second)
		p.failing(nil)
		wait(2 * time.Minute)
		if sent, _ := p.taken(); len(sent) != 1 || sent[0].Release != "r2" {
			t.Errorf("got %+v, want one report, of r2", sent)
		}
		p.failing(errors.New("the origin is gone again"))
		if err := r.Stop(t.Context()); err != nil {
			t.Errorf("that nobody hears of the end is an error: %v", err)
		}
	})
}
