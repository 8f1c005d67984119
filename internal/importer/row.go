package importer

import "strings"

// row is one row of a table while its records are made.
type row struct {
	columns *columns
	fields  []string
	each    string // the element that "each" is at
}

// columns is a mapping bound to the header of a file.
type columns struct {
	index map[string]int
	empty map[string]bool // values that mean that there is none
}

func (c *columns) row(fields []string) *row { return &row{columns: c, fields: fields} }

// get returns the value of a column without the spaces around it.
func (r *row) get(column string) string {
	if column == eachColumn {
		return r.each
	}
	value := strings.TrimSpace(r.fields[r.columns.index[column]])
	if r.columns.empty[value] {
		return ""
	}
	return value
}
