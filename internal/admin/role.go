package admin

import (
	"slices"

	"ovenbird/internal/ovenbird"
)

// Role is what a token may do. Each role may do all that the ones before it may.
type Role string

// The roles. Every operation of the API needs one of them, which stands in the
// OpenAPI document.
const (
	Viewer    Role = "viewer"    // read everything
	Editor    Role = "editor"    // change the catalog
	Publisher Role = "publisher" // decide what viewers get: bakes, pins, rollbacks
	Admin     Role = "admin"     // see and revoke tokens

	// Edge is none of these, and may do nothing of the admin API: an edge with it
	// reads releases through the release endpoint, and reports.
	Edge Role = "edge"
)

// Roles lists every role of the admin API, from the one that may least.
func Roles() []Role { return []Role{Viewer, Editor, Publisher, Admin} }

// May reports whether a token of role r may do what needs another role. A role
// that is none may do nothing.
func (r Role) May(needed Role) bool {
	mine, least := slices.Index(Roles(), r), slices.Index(Roles(), needed)
	return least >= 0 && mine >= least
}

// ParseRole returns the role with a name.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) && Role(s) != Edge {
		return "", ovenbird.Errorf(ovenbird.Invalid, "there is no role %q; use viewer, editor, publisher, admin, or edge", s)
	}
	return Role(s), nil
}
