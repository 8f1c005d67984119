package site

// Kind is what a stack can be.
type Kind struct {
	Name  string
	About string // what such a stack is about, for people
	// Here is whether there is a service for such stacks. One of a kind that is not
	// there yet can be declared, and that is all.
	Here bool
}

// stackKind is a Kind with what reads its stack.yaml, nil while its service is not
// there.
type stackKind struct {
	name, about string
	read        func(*loader, *Site)
}

// kinds are the kinds of stacks there are. A kind registers here by a line.
var kinds = []stackKind{
	{"content", "what is shown where", (*loader).contentStack},
	{"media", "artwork and video", nil},
	{"identity", "accounts, profiles and tokens", nil},
	{"gateway", "who may do what", nil},
	{"functions", "code that answers what is not baked", nil},
	{"permanent", "what all stacks share", (*loader).permanentStack},
}

// Kinds returns the kinds of stacks there are.
func Kinds() []Kind {
	list := make([]Kind, len(kinds))
	for i, k := range kinds {
		list[i] = Kind{Name: k.name, About: k.about, Here: k.read != nil}
	}
	return list
}

// contentKind is the kind of which a site has one stack, and no more.
const contentKind = "content"

func kindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// header are the keys that every stack.yaml may have.
var header = []string{"site", "description"}

// permanentStack reads what all stacks share. What that is comes with the
// services that need it.
func (l *loader) permanentStack(*Site) {
	l.describe(l.object(l.yaml(stackFile), l.stack.path(stackFile), header...))
}

// describe reads what a stack.yaml says of the stack itself.
func (l *loader) describe(root *node) {
	if root == nil {
		return
	}
	l.stack.Description = l.string(root.get("description"), "description")
	if n := root.get("site"); n != nil {
		l.link(n)
	}
}
