package archtest

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
)

// fence is a pattern that no file of the repository contains.
type fence struct {
	pattern *regexp.Regexp
	remedy  string
}

// fences lists what stays out. The patterns are written so that they do not
// match themselves.
var fences = []fence{
	{
		regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`),
		"finish it, or file it where issues are kept",
	},
	{
		regexp.MustCompile(`(^|[\s"'=(:\x60])/(root|work|home/\w+)/`),
		"a path of one machine: make it relative, or take it from the environment",
	},
	{
		regexp.MustCompile(`"resolved" *:`),
		"a lock file that names a registry ties everybody to it: leave the line out, npm ci works without",
	},
}

// unread lists files whose content is not prose or code: hashes may spell anything.
var unread = map[string]bool{"go.sum": true}

// checkWords reports what a file contains and should not.
func checkWords(name string, content []byte) []string {
	if unread[path.Base(name)] || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	var wrong []string
	number := 0
	for line := range bytes.Lines(content) {
		number++
		for _, f := range fences {
			if found := f.pattern.Find(line); found != nil {
				wrong = append(wrong, fmt.Sprintf("%s:%d: contains %q: %s", name, number, bytes.TrimSpace(found), f.remedy))
			}
		}
	}
	return wrong
}
