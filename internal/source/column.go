package source

// Kind is what a column holds, across databases: coarse enough that a wider
// integer or a longer text is no change, and fine enough that a date that
// becomes a text is one.
type Kind string

// The kinds. Values come out as text for the mapping, as each says.
const (
	Text      Kind = "text"      // as it is
	Integer   Kind = "integer"   // decimal digits
	Decimal   Kind = "decimal"   // as the database writes it, with its trailing zeros
	Float     Kind = "float"     // the shortest decimal that gives the same number
	Boolean   Kind = "boolean"   // true or false
	Date      Kind = "date"      // 2006-01-02
	TimeOfDay Kind = "time"      // 15:04:05
	Timestamp Kind = "timestamp" // a date and time without a zone: 2006-01-02 15:04:05, with a fraction where there is one
	Instant   Kind = "instant"   // in UTC, RFC 3339: 2006-01-02T15:04:05Z, with a fraction where there is one
	JSON      Kind = "json"      // as the database writes it
	Bytes     Kind = "bytes"     // hexadecimal digits
	Any       Kind = "any"       // not declared: by the value
)

// Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	// Kind is one of the kinds, or the database's own word for another.
	Kind Kind `json:"kind"`
}
