package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"ovenbird/internal/importer"
)

// progress shows how something goes that takes long: on a terminal in one line
// that changes, elsewhere in a line now and then.
type progress struct {
	cli      *cli
	what     string
	terminal bool
	start    time.Time
	shown    time.Time
	length   int  // of the line on the terminal
	told     bool // whether it goes on from an interrupted run

	mu sync.Mutex // of those who tell of files
}

func (c *cli) newProgress(what string) *progress {
	p := &progress{cli: c, what: what, start: time.Now(), shown: time.Now()}
	if file, ok := c.stderr.(*os.File); ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// importing shows a report of an import, unless it has just shown one.
func (p *progress) importing(r importer.Report) {
	every := 5 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	}
	if !p.told && (r.Resumed > 0 || r.Restarted != "") {
		p.told = true
		p.cli.note("%s: %s", p.what, afterKill(r))
	}
	now := time.Now()
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	p.show(p.what + ": " + importLine(r, now.Sub(p.start)))
}

// afterKill says what becomes of an interrupted run.
func afterKill(r importer.Report) string {
	if r.Restarted != "" {
		return "an earlier run was interrupted, but " + r.Restarted + ": from the start"
	}
	return fmt.Sprintf("goes on after row %d, where an earlier run was interrupted", r.Resumed)
}

func (p *progress) show(line string) {
	if !p.terminal {
		p.cli.note("%s", line)
		return
	}
	pad := strings.Repeat(" ", max(0, p.length-len(line)))
	p.length = len(line)
	fmt.Fprintf(p.cli.stderr, "\r%s%s", line, pad) //nolint:errcheck // nobody is left to tell
}

// end leaves the line.
func (p *progress) end() {
	if p.length > 0 {
		p.cli.note("")
	}
}

// importLine says how far an import has come, how fast it is, and how long it
// will take at that rate.
func importLine(r importer.Report, elapsed time.Duration) string {
	var b strings.Builder
	if r.Size > 0 {
		fmt.Fprintf(&b, "%d%% of %s, ", 100*r.Read/r.Size, size(r.Size))
	} else {
		fmt.Fprintf(&b, "%s, ", size(r.Read))
	}
	rows := r.Rows - r.Resumed
	fmt.Fprintf(&b, "%d rows, %.0f a second, %d changed, %d rejected", r.Rows, float64(rows)/elapsed.Seconds(), r.Changed, r.Rejected)
	if r.Waiting > 0 {
		fmt.Fprintf(&b, ", %d waiting for others", r.Waiting)
	}
	if r.Size > 0 && r.Read > 0 && r.Read < r.Size {
		left := time.Duration(float64(elapsed) * float64(r.Size-r.Read) / float64(r.Read))
		fmt.Fprintf(&b, ", %s left", left.Round(time.Second))
	}
	return b.String()
}

// size writes a number of bytes for people.
func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	default:
		return fmt.Sprintf("%d KiB", (bytes+1023)/1024)
	}
}
