package metric_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"ovenbird/internal/metric"
)

type sink map[string]float64

func (s sink) Value(f metric.Family, value float64, labels ...string) {
	s[f.Name+" "+labels[0]] = value
}

func (s sink) Durations(f metric.Family, d metric.Distribution, labels ...string) {
	s[f.Name+" "+labels[0]] = float64(d.Count())
}

func TestStripesLoseNothing(t *testing.T) {
	const counters, workers, each = 3, 8, 1000
	s := metric.NewStripes(counters)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := range each {
				s.Pick()[i%counters].Add(2)
			}
		})
	}
	all.Wait()
	var sum uint64
	for i := range counters {
		sum += s.Sum(i)
	}
	if sum != 2*workers*each || s.Sum(0) != 2*workers*334 {
		t.Errorf("%d altogether, %d in the first", sum, s.Sum(0))
	}
}

func TestADurationCountsBelowTheFirstBoundThatItDoesNotExceed(t *testing.T) {
	d := metric.NewDurations([]time.Duration{time.Millisecond, time.Second})
	for _, took := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, time.Second, time.Hour} {
		d.Observe(took)
	}
	got := d.Distribution()
	if !slices.Equal(got.Counts, []uint64{2, 2, 1}) || got.Count() != 5 {
		t.Errorf("counts %v", got.Counts)
	}
	if want := time.Hour + time.Second + 2*time.Millisecond + 1; got.Sum != want {
		t.Errorf("sum %s, want %s", got.Sum, want)
	}
}

func TestWhatIsCountedByNameIsReportedForAllNames(t *testing.T) {
	steps := metric.NewByName(metric.Family{Name: "step", Labels: []string{"step"}}, []time.Duration{time.Second}, "write", "publish")
	steps.Observe("write", time.Minute)
	steps.Observe("unheard of", time.Minute)
	ended := metric.NewCounts(metric.Family{Name: "ended", Labels: []string{"how"}}, "well", "badly")
	ended.Add("badly", 3)
	ended.Add("unheard of", 3)
	got := make(sink)
	steps.Report(t.Context(), got)
	ended.Report(t.Context(), got)
	want := sink{"step write": 1, "step publish": 0, "ended well": 0, "ended badly": 3}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
}
