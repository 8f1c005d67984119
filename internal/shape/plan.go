package shape

import "ovenbird/internal/ovenbird"

// Document is what a site says about one document of an application.
type Document struct {
	Template      Template
	Source        Source
	PageSize      int // titles to a page; 0 where the site gives none, and the shape may not ask for pages
	LongestPrefix int // characters; what facts.View.Prefixes was asked for. Read only where keyed by prefix
}

// Source is the text of a shape and the file it stands in, for errors.
type Source struct {
	Name, Text string
}

// Plan is a compiled shape. It is immutable: any number of goroutines may
// render it, each with a Renderer of its own.
type Plan struct {
	source        Source
	template      Template
	pageSize      int
	longestPrefix int
	root          *object[struct{}]
	cards         []*Card
	reads         ReadSet
	days          int
	namesTitles   bool
	namesEdition  bool
}

// Template returns the path of the plan's documents and what they are keyed by.
func (p *Plan) Template() Template { return p.template }

// Source returns the shape that the plan was compiled from.
func (p *Plan) Source() Source { return p.source }

// PageSize returns how many titles go to a page, 0 in a plan without pages.
func (p *Plan) PageSize() int { return p.pageSize }

// LongestPrefix returns how many characters a prefix may have.
func (p *Plan) LongestPrefix() int { return p.longestPrefix }

// Cards returns the cards that fill the slots of the plan's documents, in the
// order in which the shape has them. Cards of several plans with the same ID are
// the same and need rendering once.
func (p *Plan) Cards() []*Card { return p.cards }

// ReadSet returns what the plan's documents read. What their cards read is in
// the cards' own.
func (p *Plan) ReadSet() ReadSet { return p.reads }

// NamesTitles reports whether the plan's documents contain titles that the shape
// names by id. Documents without keys otherwise contain nothing of a title but
// its place in lists: what is shown of it there is in cards.
func (p *Plan) NamesTitles() bool { return p.namesTitles }

// NamesEdition reports whether the plan's documents say which application or
// language they are of.
func (p *Plan) NamesEdition() bool { return p.namesEdition }

// Same reports whether p and q are compiled from the same text to documents of the
// same template, so that one renders what the other does.
func (p *Plan) Same(q *Plan) bool {
	return p.template == q.template && p.source.Text == q.source.Text &&
		p.pageSize == q.pageSize && p.longestPrefix == q.longestPrefix
}

// Days returns how many days ahead the plan's documents look, the most of its
// `upcoming` and `leaving`, and whether they do at all. Such a document changes
// by itself at every UTC midnight, beside the instants at which licenses do.
func (p *Plan) Days() (days int, ok bool) { return max(p.days, 0), p.days != noDays }

// noDays marks a plan that does not look ahead.
const noDays = -1

// Card is the selection under a title that stands in a list. It is immutable.
type Card struct {
	id        string
	selection string
	preview   bool
	body      *object[*ovenbird.Title]
	reads     ReadSet
}

// ID identifies what the card selects: cards with the same ID render the same.
// It is a hash in hexadecimal and stays the same between versions of a shape
// that differ only in spelling.
func (c *Card) ID() string { return c.id }

// Preview reports whether the card announces titles that are still hidden.
func (c *Card) Preview() bool { return c.preview }

// Selection returns the card's selection in canonical form.
func (c *Card) Selection() string { return c.selection }

// ReadSet returns what the card reads.
func (c *Card) ReadSet() ReadSet { return c.reads }
