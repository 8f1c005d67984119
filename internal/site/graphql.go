package site

import (
	"strings"
)

// formatGraphQL indents a shape's lines by how deep in brackets they begin. Where
// lines break is the author's: a selection such as { id name year } reads best in
// one line, and no rule knows which.
func formatGraphQL(text []byte) []byte {
	var list []string
	depth, inText := 0, false
	for _, line := range lines(text) {
		if inText { // within """ … """ white space counts
			list = append(list, line)
			depth, inText = follow(line, depth, inText)
			continue
		}
		line = strings.TrimSpace(line)
		closing := 0
		for _, r := range line {
			if !strings.ContainsRune("})]", r) {
				break
			}
			closing++
		}
		indent := strings.Repeat("  ", max(0, depth-closing))
		if line == "" {
			indent = ""
		}
		list = append(list, indent+line)
		depth, inText = follow(line, depth, inText)
	}
	return joined(list)
}

// follow returns how deep in brackets a line ends, and whether in a block text.
func follow(line string, depth int, inText bool) (int, bool) {
	if inText {
		end := strings.Index(line, `"""`)
		if end < 0 {
			return depth, true
		}
		line = line[end+3:]
	}
	for token, rest := graphQLToken(line); token != ""; token, rest = graphQLToken(rest) {
		switch token {
		case "{", "(", "[":
			depth++
		case "}", ")", "]":
			depth--
		default:
			if strings.HasPrefix(token, `"""`) && (len(token) < 6 || !strings.HasSuffix(token, `"""`)) {
				return depth, true
			}
		}
	}
	return depth, false
}

// graphQLToken returns the first token of a text and what follows it: a name or a
// number, a text in quotes, or a single character. What a reader of GraphQL passes
// over it does too: white space, commas, comments. "" is the end.
func graphQLToken(text string) (token, rest string) {
	for {
		text = strings.TrimLeft(text, " \t\r\n,\ufeff")
		if !strings.HasPrefix(text, "#") {
			break
		}
		_, text, _ = strings.Cut(text, "\n")
	}
	switch {
	case text == "":
		return "", ""
	case strings.HasPrefix(text, `"""`):
		return quoted(text, `"""`)
	case text[0] == '"':
		return quoted(text, `"`)
	}
	end := 0
	for end < len(text) && (text[end] == '_' || text[end] >= '0' && text[end] <= '9' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z') {
		end++
	}
	end = max(end, 1)
	return text[:end], text[end:]
}

// quoted returns a text in quotes, to the end where it is not closed.
func quoted(text, quote string) (token, rest string) {
	for i := len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], quote):
			return text[:i+len(quote)], text[i+len(quote):]
		}
	}
	return text, ""
}

// meaning is the text of a shape without what does not matter in it: its tokens,
// with a space between.
func meaning(text string) string {
	var tokens []string
	for token, rest := graphQLToken(text); token != ""; token, rest = graphQLToken(rest) {
		tokens = append(tokens, token)
	}
	return strings.Join(tokens, " ")
}
