package ovenbird

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an error is, for callers that must decide:
// the command line turns it into an exit code, HTTP into a status. There are
// few on purpose.
type Code string

// The codes.
const (
	Invalid     Code = "invalid"     // the input is wrong; the same input fails again
	NotFound    Code = "not_found"   // what was named does not exist
	Conflict    Code = "conflict"    // the state moved on; read again and retry
	Held        Code = "held"        // a safety rule stopped it; a person decides
	Unavailable Code = "unavailable" // something needed is not there now; retry later
	Internal    Code = "internal"    // a bug or a broken machine
)

// Error is a failure with a code, and with the place of the input that caused it where there is one.
type Error struct {
	Code    Code
	Place   Place  // where in the input; zero when there is no place
	Message string // what is wrong and what would be right, causes included; no trailing period
	Err     error  // the cause for errors.Is and errors.As, already told by Message; or nil
}

// Place is a position in an input file.
type Place struct {
	File   string
	Line   int // from 1; 0 when unknown
	Column int // from 1, in characters; 0 when unknown
}

// String formats p as file:line:column, leaving out what is unknown.
func (p Place) String() string {
	switch {
	case p.File == "" && p.Line == 0:
		return ""
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

func (e *Error) Error() string {
	if place := e.Place.String(); place != "" {
		return place + ": " + e.Message
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error with a code. A %w verb keeps its cause.
func Errorf(code Code, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// ErrorAt returns an Invalid error at a place.
func ErrorAt(place Place, format string, args ...any) error {
	return &Error{Code: Invalid, Place: place, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of err: the outermost one in its chain, Internal
// where there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
