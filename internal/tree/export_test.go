package tree

// Decode returns the name of the document that a file holds or is a copy of, and
// the document. It knows gzip alone.
func Decode(name string, body []byte) (document string, decoded []byte, err error) {
	document, c, coded := uncoded(name)
	if !coded {
		return name, body, nil
	}
	decoded, err = c.decode(nil, body)
	return document, decoded, err
}
