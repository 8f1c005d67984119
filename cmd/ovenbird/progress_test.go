package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ovenbird/internal/importer"
)

func TestAnImportSaysHowFarItHasComeAndHowLongItWillTake(t *testing.T) {
	for _, test := range []struct {
		report importer.Report
		want   string
	}{
		{
			importer.Report{Rows: 1000, Changed: 900, Rejected: 3, Read: 256 << 20, Size: 1 << 30},
			"25% of 1.0 GiB, 1000 rows, 100 a second, 900 changed, 3 rejected, 30s left",
		},
		{
			importer.Report{Rows: 1000, Resumed: 600, Read: 5 << 20, Waiting: 7},
			"5.0 MiB, 1000 rows, 40 a second, 0 changed, 0 rejected, 7 waiting for others",
		},
	} {
		if got := importLine(test.report, 10*time.Second); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestWhatBecomesOfAnInterruptedImportIsToldOnce(t *testing.T) {
	var out bytes.Buffer
	p := (&cli{stderr: &out}).newProgress("importing x")
	for range 2 {
		p.importing(importer.Report{Resumed: 12})
	}
	p.end()
	if got := out.String(); got != "importing x: goes on after row 12, where an earlier run was interrupted\n" {
		t.Errorf("got %q", got)
	}
	if got := afterKill(importer.Report{Restarted: "the file has another size now"}); !strings.Contains(got, "another size now: from the start") {
		t.Errorf("got %q", got)
	}
}
