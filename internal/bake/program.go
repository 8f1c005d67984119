package bake

import (
	"time"

	"ovenbird/internal/facts"
	"ovenbird/internal/release"
	"ovenbird/internal/shape"
)

// Program is what a site asks to be baked. It is immutable.
type Program struct {
	Applications []Application
	Rules        *facts.Rules
	Everywhere   []Fixed       // documents that no variation changes
	Horizon      time.Duration // how far ahead transitions are baked
	Site         string        // hash of the configuration this came from
}

// editions counts the editions of all applications.
func (p *Program) editions() int {
	n := 0
	for _, a := range p.Applications {
		n += len(a.Editions)
	}
	return n
}

// Application is an application with its editions and the plans of its documents.
type Application struct {
	Name     string
	Editions []*facts.Edition
	Plans    []*shape.Plan
}

// Fixed is a document that is the same for everybody.
type Fixed struct {
	Path string
	Body []byte
}

// objects takes the bodies that a bake renders; a release.Writer is one. Any
// number of goroutines may call it.
type objects interface {
	Add(body []byte) (release.Hash, error)
}
