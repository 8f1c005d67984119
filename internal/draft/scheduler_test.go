package draft

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// timetable is drafts that are due at instants.
type timetable struct {
	due   []time.Time
	looks []time.Duration // since the start
	start time.Time
	err   error
}

func (t *timetable) PublishDue(context.Context) (done []*Draft, next time.Time, err error) {
	t.looks = append(t.looks, time.Since(t.start))
	for len(t.due) > 0 && !t.due[0].After(time.Now()) {
		t.due = t.due[1:]
		done = append(done, &Draft{State: Published})
	}
	if len(t.due) > 0 {
		next = t.due[0]
	}
	return done, next, t.err
}

// run runs a scheduler for three minutes.
func run(t *testing.T, table *timetable, during func(wake chan<- struct{})) string {
	t.Helper()
	table.start = time.Now()
	wake := make(chan struct{}, 1)
	s := newScheduler(table, wake, nil, nil)
	if err := s.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if during != nil {
		during(wake)
	}
	<-time.After(time.Until(table.start.Add(3*time.Minute - time.Second))) // of the bubble's clock
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	return fmt.Sprint(table.looks)
}

func TestTheSchedulerLooksWhenSomethingIsDueAndOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		table := &timetable{due: []time.Time{now.Add(-time.Hour), now.Add(30 * time.Second), now.Add(100 * time.Second)}}
		if got, want := run(t, table, nil), "[0s 30s 1m30s 1m40s 2m40s]"; got != want {
			t.Errorf("it looked at %s, want %s", got, want)
		}
	})
}

func TestTheSchedulerLooksWhenAScheduleChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &timetable{}
		got := run(t, table, func(wake chan<- struct{}) {
			synctest.Wait()
			table.due = []time.Time{time.Now().Add(2 * time.Second)}
			wake <- struct{}{}
		})
		if want := "[0s 0s 2s 1m2s 2m2s]"; got != want {
			t.Errorf("it looked at %s, want %s", got, want)
		}
	})
}

func TestTheSchedulerDoesNotSpinWhereItFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &timetable{err: errors.New("broken")}
		run(t, table, nil)
		if len(table.looks) != 36 { // every five seconds
			t.Errorf("it looked %d times", len(table.looks))
		}
	})
}
