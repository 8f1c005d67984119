package catalog

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"ovenbird/internal/ovenbird"
)

// Expectation is what a record expects to find where it writes. It is checked in
// the transaction that writes, so nobody can get in between. The zero value
// expects nothing.
type Expectation struct {
	// Absent expects that there is nothing.
	Absent bool
	// Tags expects that what is there has one of these tags; "*" is any.
	Tags []string
}

// AnyTag stands for every tag in an Expectation.
const AnyTag = "*"

// Why a record found something else than it expected.
var (
	// ErrChanged says that what is there is not what was expected.
	ErrChanged = errors.New("it is not as expected: it has changed since")
	// ErrMissing says that there is nothing where something was expected.
	ErrMissing = errors.New("it is not there")
	// ErrExists says that there is something where nothing was expected.
	ErrExists = errors.New("it is there already")
)

// Tag identifies the content of a form: equal forms have equal tags, and no
// others do. It consists of letters, digits, "-" and "_".
func Tag(form jsontext.Value) string {
	sum := sha256.Sum256(form)
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

func (e Expectation) zero() bool { return !e.Absent && len(e.Tags) == 0 }

// expected checks what a record expects against the state before it.
func (p *plan) expected(r *Record) error {
	if r.Expect.zero() {
		return nil
	}
	form := p.form(r)
	switch {
	case r.Expect.Absent && form != nil:
		return ovenbird.Errorf(ovenbird.Conflict, "%w", ErrExists)
	case r.Expect.Absent:
		return nil
	case form == nil:
		return ovenbird.Errorf(ovenbird.NotFound, "%w", ErrMissing)
	case slices.Contains(r.Expect.Tags, AnyTag), slices.Contains(r.Expect.Tags, Tag(form)):
		return nil
	default:
		return ovenbird.Errorf(ovenbird.Conflict, "%w", ErrChanged)
	}
}

// form returns the complete form of what a record is about, as it is in the
// middle of the batch; nil where there is nothing.
func (p *plan) form(r *Record) jsontext.Value {
	switch r.Type {
	case TypeTitle:
		return formOf(p.state.titles[ovenbird.TitleID(r.ID)], titleForm)
	case TypeLicense:
		return formOf(p.state.licenses[ovenbird.LicenseID(r.ID)], licenseForm)
	case TypeCollection:
		return formOf(p.collection(ovenbird.CollectionID(r.ID)), wholeForm)
	default:
		return nil
	}
}

func wholeForm(c *ovenbird.Collection) jsontext.Value { return collectionForm(c, true) }
