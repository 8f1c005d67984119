package draft

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Difference is a field that is not the same in two records.
type Difference struct {
	Field  string          // such as texts.name.en
	Before json.RawMessage // nil: it was not there
	After  json.RawMessage // nil: it is not there
}

// differences compares two complete records, either of which may be nil, field by
// field. A list is one field.
func differences(before, after json.RawMessage) ([]Difference, error) {
	was, is := make(map[string]json.RawMessage), make(map[string]json.RawMessage)
	if err := flatten("", before, was); err != nil {
		return nil, err
	}
	if err := flatten("", after, is); err != nil {
		return nil, err
	}
	names := maps.Clone(was)
	maps.Copy(names, is)
	var list []Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if name != "type" && name != "id" && !bytes.Equal(was[name], is[name]) {
			list = append(list, Difference{name, was[name], is[name]})
		}
	}
	return list, nil
}

// flatten puts the values of an object, and of objects in it, into one map.
func flatten(prefix string, object json.RawMessage, into map[string]json.RawMessage) error {
	if len(object) == 0 {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return fmt.Errorf("compare records: %w", err)
	}
	for name, value := range members {
		if !bytes.HasPrefix(value, []byte("{")) {
			into[prefix+name] = value
			continue
		}
		if err := flatten(prefix+name+".", value, into); err != nil {
			return err
		}
	}
	return nil
}
