package catalog

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// RecordOf returns the record that a body makes together with the type and id
// from an address: for Put the fields of the type, for Merge a patch to them.
// The body may repeat the type and the id, but not say others. An error is that
// of ParseRecord, and FieldErrors tells it by field.
func RecordOf(typ RecordType, id string, op Op, body []byte) (Record, error) {
	members := make(map[string]jsontext.Value)
	if err := json.Unmarshal(body, &members); err != nil {
		return Record{}, explain(body, err)
	}
	for name, want := range map[string]string{"type": string(typ), "id": id, "op": string(op)} {
		value, err := json.Marshal(want)
		if err != nil {
			return Record{}, about(name, invalid("%q is not valid UTF-8", want))
		}
		if said, ok := members[name]; ok && string(said) != string(value) {
			return Record{}, about(name, invalid("it says %s where the request is about %s; leave it out", said, value))
		}
		members[name] = value
	}
	line, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		return Record{}, explain(body, err)
	}
	return ParseRecord(line)
}
