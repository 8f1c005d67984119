package ovenbird

import "time"

// TitleID identifies a title for ever: it is opaque, never reused, and survives
// unpublishing. See CheckID for what an id may contain.
type TitleID string

// Kind says what a title is.
type Kind string

// The kinds. Series and seasons are containers: nobody plays them, and they are
// visible only while something in them is.
const (
	Movie   Kind = "movie"
	Series  Kind = "series"
	Season  Kind = "season"
	Episode Kind = "episode"
	Clip    Kind = "clip"
)

// Kinds lists every kind, in the order above.
func Kinds() []Kind { return []Kind{Movie, Series, Season, Episode, Clip} }

// Container reports whether titles of this kind hold others and are never played themselves.
func (k Kind) Container() bool { return k == Series || k == Season }

// MayHold reports whether a title of kind k may be the parent of one of kind
// child. Episodes may hang below a series directly, without a season; clips
// (trailers, extras) below anything but another clip.
func (k Kind) MayHold(child Kind) bool {
	switch child {
	case Season:
		return k == Series
	case Episode:
		return k == Series || k == Season
	case Clip:
		return k != Clip
	default:
		return false
	}
}

// Title is a movie, series, season, episode or clip. A Title in a Snapshot is
// immutable and shared: never write to it.
type Title struct {
	ID        TitleID
	Kind      Kind
	Parent    TitleID // "" at the top
	SortKey   string  // orders siblings, bytewise; then ID
	Number    string  // as shown: "7", "160a"; "" when unnumbered. Never parsed
	Special   bool    // an episode outside the numbering, listed in a place of its own
	Published bool    // editors want it shown
	Video     bool    // its video is ready to play

	Year      int           // of first release; 0 when unknown
	Runtime   time.Duration // 0 when unknown
	Added     time.Time     // when it joined the catalog; zero when unknown
	Genres    []string
	Cast      []string
	Directors []string
	Origins   []Country // where it was produced

	Texts   Texts
	Images  []Image
	Ratings []Rating
}

// Locale is a BCP 47 language tag such as "fi" or "pt-BR", in canonical case.
type Locale string

// TextField names a text that editors translate.
type TextField string

// The text fields.
const (
	Name          TextField = "name"
	Synopsis      TextField = "synopsis"
	ShortSynopsis TextField = "short_synopsis"
	Tagline       TextField = "tagline"
)

// TextFields lists every text field, in the order above.
func TextFields() []TextField { return []TextField{Name, Synopsis, ShortSynopsis, Tagline} }

// Texts holds the translations of each field. An empty string is a value and
// ends the fallback along a locale chain; an absent locale does not.
type Texts map[TextField]map[Locale]string

// ImageRole says what an image is for.
type ImageRole string

// The image roles.
const (
	Poster ImageRole = "poster" // upright, with the name on it
	Hero   ImageRole = "hero"   // wide background
	Still  ImageRole = "still"  // a frame, for episodes and clips
	Logo   ImageRole = "logo"   // the name as a picture
)

// ImageRoles lists every image role, in the order above.
func ImageRoles() []ImageRole { return []ImageRole{Poster, Hero, Still, Logo} }

// Image is one picture of a title at one size.
type Image struct {
	Role   ImageRole `json:"role"`
	URL    string    `json:"url"`
	Width  int       `json:"width"`            // pixels
	Height int       `json:"height"`           // pixels
	Locale Locale    `json:"locale,omitempty"` // "" when it has no words on it
}

// Rating is an age rating as a board gave it, such as {"FSK", "6"}. What it
// means as an age is the site's to say.
type Rating struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// CollectionID identifies a collection for ever.
type CollectionID string

// Collection is an editors' list of titles: a rail on a home page, a theme.
type Collection struct {
	ID        CollectionID
	SortKey   string // orders collections, bytewise; then ID
	Published bool
	Texts     Texts     // Name and Synopsis
	Items     []TitleID // in the order to show; ids that are not in the catalog are passed over
}
