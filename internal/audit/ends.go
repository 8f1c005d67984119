package audit

import (
	"context"
	"strings"
	"time"

	"ovenbird/internal/model"
	"ovenbird/internal/ovenbird"
	"ovenbird/internal/release"
)

// beyond is how far after its horizon a release is audited: what an edge may go
// on with that hears of nothing newer.
const beyond = 90 * 24 * time.Hour

// mostBeyond is at how many transitions after the horizon a variation is looked
// at, at most: there are as many as there are days, and more.
const mostBeyond = 3

// afterHorizon audits, at drawn transitions after the horizon, what the rows say
// of when they end: a document that has not ended must still be there, and no
// list that has not ended may show a title that is gone by then.
func (a *auditor) afterHorizon(ctx context.Context, v model.Variation) error {
	m := a.Release.Manifest()
	if !m.KnowsEnds() {
		return nil
	}
	last := m.HorizonEnd.Add(-1)
	if err := a.found.turnTo(ctx, v.Edition(), last); err != nil {
		return err
	}
	instants := a.draw(a.Model.Transitions(last, last.Add(beyond)))
	for _, at := range instants[:min(mostBeyond, len(instants))] {
		late := lateness{auditor: a, country: v.Country, at: at, before: a.Model.At(v, last), then: a.Model.At(v, at)}
		there := late.then.Documents()
		a.report.Sights++
		for path, row := range a.found.rows {
			body, ok := a.found.body(row, v.Country)
			if row.IsCard() || !ok || ended(row, at) {
				continue
			}
			shown, gone, err := late.list(body)
			if err != nil {
				return err
			}
			if shown && (gone || there[path] == nil) {
				a.add("release", v, at, model.Difference{Path: path, Found: body})
			}
		}
	}
	return nil
}

// lateness is a variation at an instant after the horizon.
type lateness struct {
	*auditor
	country      ovenbird.Country
	at           time.Time
	before, then *model.Sight // right before the horizon, and at the instant
}

// list reports whether a document is still shown as far as its cards go, and
// whether one of them is of a title that is gone.
func (l *lateness) list(body []byte) (shown, gone bool, err error) {
	if !release.IsTemplate(body) {
		return true, false, nil
	}
	template, err := release.ParseTemplate(body)
	if err != nil {
		return false, false, err
	}
	for _, slot := range template.Slots {
		if ended(l.found.rows[slot], l.at) {
			return false, false, nil
		}
		_, id, _ := strings.Cut(slot, "/")
		title := ovenbird.TitleID(id)
		gone = gone || l.before.Visible(title) && !l.then.Visible(title)
	}
	return true, gone, nil
}

// ended reports whether a row says that it is not to be shown at an instant.
func ended(row release.Row, at time.Time) bool { return row.Ends != 0 && row.Ends <= at.Unix() }
