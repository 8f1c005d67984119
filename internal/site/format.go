package site

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"ovenbird/internal/ovenbird"
)

// Format returns a file of a site in its canonical layout: the same content, the
// same comments, and the same text whenever it is formatted again. What decides
// how is the end of the file's name; other files come back as they are. A file that
// is not well-formed, or that can not be laid out without a loss, is Invalid.
func Format(name string, text []byte) ([]byte, error) {
	if place, what := unreadable(name, text); what != "" {
		return nil, ovenbird.ErrorAt(place, "%s", what)
	}
	switch path.Ext(name) {
	case ".yaml":
		return formatYAML(name, text)
	case ".graphql":
		return formatGraphQL(text), nil
	case ".env":
		return formatEnvironment(text), nil
	default:
		return text, nil
	}
}

// FormattedFiles returns the paths, with the site's folder, of the files that
// Format lays out: those of the site itself and of the stacks that lie in folders.
// config says where somebody is editing a stack.
func FormattedFiles(dir string, config Config) ([]string, error) {
	l := newLoader(os.DirFS(dir), dir)
	s, err := l.load(true)
	if err != nil {
		return nil, err
	}
	files := []string{filepath.Join(dir, siteFile)}
	for _, name := range s.Environments() {
		files = append(files, filepath.Join(dir, environmentsFolder, name+".env"))
	}
	for _, stack := range s.Stacks {
		folder := filepath.Join(dir, filepath.FromSlash(stack.Folder))
		if instead, ok := config.Instead[stack.Name]; ok {
			folder = instead
		} else if stack.Repository != nil {
			continue // the files of a commit are not ours to lay out
		}
		of, err := stackFiles(folder)
		if err != nil {
			return nil, fmt.Errorf("list the files of stack %s: %w", stack.Name, err)
		}
		files = append(files, of...)
	}
	return files, nil
}

// stackFiles returns a stack's stack.yaml and shapes.
func stackFiles(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != folder && entry.IsDir() && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.Type().IsRegular() && (name == filepath.Join(folder, stackFile) || filepath.Ext(name) == ".graphql"):
			files = append(files, name)
		}
		return nil
	})
	return files, err
}

// lines returns the lines of a text with \n at their ends, without white space
// before it, without blank lines at the beginning and the end, and with no two
// in a row.
func lines(text []byte) []string {
	var list []string
	blank := true
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" && blank {
			continue
		}
		blank = line == ""
		list = append(list, line)
	}
	if len(list) > 0 && list[len(list)-1] == "" {
		list = list[:len(list)-1]
	}
	return list
}

func joined(list []string) []byte {
	if len(list) == 0 {
		return []byte{}
	}
	return []byte(strings.Join(list, "\n") + "\n")
}

// formatEnvironment takes out the white space around keys, values and comments.
func formatEnvironment(text []byte) []byte {
	list := lines(text)
	for i, line := range list {
		key, value, ok := strings.Cut(line, "=")
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "#"):
			list[i] = strings.TrimSpace(line)
		case ok:
			list[i] = key + "=" + strings.TrimSpace(value)
		}
	}
	return joined(list)
}

// formatYAML writes YAML the way the parser's tree is written, and makes sure
// that nothing got lost on the way. How deep lines are indented stays.
func formatYAML(name string, text []byte) ([]byte, error) {
	p := &problems{}
	before := parseYAML(p, name, text)
	if err := p.err(); err != nil {
		return nil, err
	}
	if comment := commentInBrackets(text); comment != "" {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: name}, "the comment %q stands in brackets, where it would get lost; "+
			"put it on a line of its own above them", comment)
	}
	once, err := rewritten(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	if err != nil {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: name}, "the file can not be laid out: %v", err)
	}
	after := parseYAML(p, name, once)
	twice, err := rewritten(once)
	kept := equal(before, after) && slices.Equal(comments(text), comments(once))
	if err != nil || len(p.list) > 0 || !kept || !bytes.Equal(once, twice) {
		return nil, ovenbird.ErrorAt(ovenbird.Place{File: name},
			"the file can not be laid out without changing what it says; lay it out by hand, in simpler YAML")
	}
	return once, nil
}

// rewritten parses and writes.
func rewritten(text []byte) (formatted []byte, err error) {
	defer func() { // the parser is given whatever a file has
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the YAML parser can not read this (%v)", cause)
		}
	}()
	file, err := parser.ParseBytes(text, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	return []byte(strings.Trim(file.String(), "\n") + "\n"), nil
}

// equal reports whether two values are the same but for their places.
func equal(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.kind == b.kind && a.text == b.text && slices.EqualFunc(a.items, b.items, equal) &&
		slices.EqualFunc(a.entries, b.entries, func(x, y entry) bool { return x.key == y.key && equal(x.value, y.value) })
}

// commentInBrackets returns a comment within brackets, which the parser's tree
// has no place for; "" where there is none.
func commentInBrackets(text []byte) string {
	depth := 0
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.CommentType:
			if depth > 0 {
				return "# " + strings.TrimSpace(t.Value)
			}
		default:
		}
	}
	return ""
}

// comments returns the comments of a text, in order.
func comments(text []byte) []string {
	var list []string
	for _, t := range lexer.Tokenize(string(text)) {
		if t.Type == token.CommentType {
			list = append(list, strings.TrimSpace(t.Value))
		}
	}
	return list
}
