package site

import (
	"path/filepath"
	"slices"
	"strings"
)

// observing reads what an environment shows of itself.
func (r *environmentReader) observing(e *Environment, found map[string]variable) {
	if v := found[opsVariable]; v.text != "" {
		e.OpsListen = r.listen(v)
	}
	e.LogFormat = r.oneOf(logVariable, found, "text", "json")
	e.AccessLog = r.oneOf(accessVariable, found, "json", "combined")
	if v := found[accessFileVariable]; v.text != "" {
		e.AccessLogFile = v.text
		if !filepath.IsAbs(v.text) {
			e.AccessLogFile = filepath.Join(r.dir, v.text)
		}
		if e.AccessLog == "" {
			r.at(v.place, "%s needs %s, which says how to write it: json or combined", accessFileVariable, accessVariable)
		}
	}
}

// oneOf reads a variable that has one of a few values; "" where it is not there.
func (r *environmentReader) oneOf(name string, found map[string]variable, values ...string) string {
	v := found[name]
	if v.text != "" && !slices.Contains(values, v.text) {
		r.at(v.place, "%s is %q; use %s", name, v.text, strings.Join(values, " or "))
	}
	return v.text
}
