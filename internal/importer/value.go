package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// value is where a field's text comes from: a template, then in this order a
// pattern, lookups, a factor, a default.
type value struct {
	from     template
	pattern  *regexp.Regexp // its first group, or all of it, is taken; no match is empty
	lookups  []lookup       // the first that knows the text
	missing  string         // what to do with a text that none knows: see missingWords
	times    float64        // multiplies a number; 0 means no
	fallback template       // used where the text is empty
}

// missingWords say what a text becomes that is in no lookup: the record is
// refused, the text is dropped, or stays as it is.
var missingWords = []string{"reject", "drop", "keep"}

// valueKeys are the keys of a value that is written out.
var valueKeys = []string{"from", "pattern", "lookup", "missing", "times", "default"}

// readValue reads a template, or a mapping with valueKeys. More keys that its
// place allows are returned in the map.
func (c *compiler) readValue(n ast.Node, more ...string) (*value, map[string]ast.Node, error) {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
	default:
		from, err := c.readTemplate(n)
		return &value{from: from}, nil, err
	}
	fields, err := c.fields(n, append(more, valueKeys...)...)
	if err != nil {
		return nil, nil, err
	}
	if fields["from"] == nil {
		return nil, nil, c.errorf(n, `"from" is missing: the template that the value comes from`)
	}
	v := &value{missing: missingWords[0]}
	if v.from, err = c.readTemplate(fields["from"]); err != nil {
		return nil, nil, err
	}
	return v, fields, c.readSteps(v, fields)
}

func (c *compiler) readSteps(v *value, fields map[string]ast.Node) (err error) {
	if n := fields["pattern"]; n != nil {
		if v.pattern, err = c.readPattern(n); err != nil {
			return err
		}
	}
	if n := fields["lookup"]; n != nil {
		if v.lookups, err = c.readLookupNames(n); err != nil {
			return err
		}
	}
	if n := fields["missing"]; n != nil {
		if v.missing, err = c.choice(n, missingWords...); err != nil {
			return err
		}
	}
	if n := fields["times"]; n != nil {
		text, err := c.scalar(n)
		if err != nil {
			return err
		}
		if v.times, err = strconv.ParseFloat(text, 64); err != nil || v.times == 0 {
			return c.errorf(n, "times is %q; use a number such as 60", text)
		}
	}
	if n := fields["default"]; n != nil {
		v.fallback, err = c.readTemplate(n)
	}
	return err
}

func (c *compiler) readTemplate(n ast.Node) (template, error) {
	text, err := c.scalar(n)
	if err != nil {
		return nil, err
	}
	t, err := parseTemplate(text, c.lookups)
	if err != nil {
		return nil, c.errorf(n, "%v", err)
	}
	c.note(n, t)
	return t, nil
}

func (c *compiler) readPattern(n ast.Node) (*regexp.Regexp, error) {
	text, err := c.scalar(n)
	if err != nil {
		return nil, err
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, c.errorf(n, "%v", err)
	}
	return pattern, nil
}

func (c *compiler) readLookupNames(n ast.Node) ([]lookup, error) {
	names, err := c.strings(n)
	if err != nil {
		return nil, err
	}
	list := make([]lookup, len(names))
	for i, name := range names {
		l, ok := c.lookups[name]
		if !ok {
			return nil, c.errorf(n, "there is no lookup %q; define it under lookups, or use the built-in %q", name, countriesLookup)
		}
		list[i] = l
	}
	return list, nil
}

// eval returns the text for a row, "" where there is none.
func (v *value) eval(r *row) (string, error) {
	text, err := v.from.eval(r)
	if err != nil {
		return "", err
	}
	if text, err = v.refine(text); err != nil || text != "" || v.fallback == nil {
		return text, err
	}
	return v.fallback.eval(r)
}

// refine takes text through the steps after the template.
func (v *value) refine(text string) (string, error) {
	if v.pattern != nil {
		text = firstGroup(v.pattern, text)
	}
	if text == "" {
		return "", nil
	}
	if v.lookups != nil {
		found, err := v.look(text)
		if err != nil || found == "" {
			return "", err
		}
		text = found
	}
	if v.times == 0 {
		return text, nil
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return "", fmt.Errorf("%q is not a number", text)
	}
	return strconv.FormatFloat(number*v.times, 'f', -1, 64), nil
}

func (v *value) look(text string) (string, error) {
	names := make([]string, len(v.lookups))
	for i, l := range v.lookups {
		if found, ok := l.find(text); ok {
			return found, nil
		}
		names[i] = l.name
	}
	switch v.missing {
	case "drop":
		return "", nil
	case "keep":
		return text, nil
	default:
		return "", fmt.Errorf("%q is not in the lookup %s; correct it, or add it to a lookup of the mapping",
			text, strings.Join(names, ", "))
	}
}

func firstGroup(pattern *regexp.Regexp, text string) string {
	match := pattern.FindStringSubmatch(text)
	switch len(match) {
	case 0:
		return ""
	case 1:
		return match[0]
	default:
		return match[1]
	}
}

// values is a list of texts: several values, or one that is split.
type values struct {
	list  []*value
	split string // "" does not
}

// readValues reads a list of values, or one value, which may have "split".
func (c *compiler) readValues(n ast.Node) (*values, error) {
	out := new(values)
	if _, ok := n.(*ast.SequenceNode); ok {
		nodes, err := c.list(n)
		if err != nil {
			return nil, err
		}
		for _, node := range nodes {
			v, _, err := c.readValue(node)
			if err != nil {
				return nil, err
			}
			out.list = append(out.list, v)
		}
		return out, nil
	}
	v, fields, err := c.readValue(n, "split")
	if err != nil {
		return nil, err
	}
	out.list = []*value{v}
	if n := fields["split"]; n != nil {
		if out.split, err = c.scalar(n); err == nil && out.split == "" {
			err = c.errorf(n, "split is empty; use what stands between the elements, such as \",\"")
		}
	}
	return out, err
}

// eval returns the texts for a row, without empty and repeated ones.
func (v *values) eval(r *row) ([]string, error) {
	if v.split != "" {
		return v.evalSplit(r)
	}
	var out []string
	for _, one := range v.list {
		text, err := one.eval(r)
		if err != nil {
			return nil, err
		}
		out = appendNew(out, text)
	}
	return out, nil
}

// evalSplit puts each element through the steps by itself.
func (v *values) evalSplit(r *row) ([]string, error) {
	one := v.list[0]
	whole, err := one.from.eval(r)
	if err != nil {
		return nil, err
	}
	var out []string
	for part := range strings.SplitSeq(whole, v.split) {
		text, err := one.refine(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		out = appendNew(out, text)
	}
	if len(out) == 0 && one.fallback != nil {
		text, err := one.fallback.eval(r)
		return appendNew(nil, text), err
	}
	return out, nil
}

func appendNew(list []string, text string) []string {
	if text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}
