package source

import (
	"runtime"
	"testing"
	"time"
)

// A hundred megabytes of rows go through without staying anywhere.
func TestALargeResultIsReadInBoundedMemory(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			d := mustOpen(t, s.address)
			var before, during runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			rows, peak := 0, uint64(0)
			err := d.read(t.Context(), thousands[s.name], func([]Column) error { return nil }, func([]string) error {
				rows++
				if rows%20000 == 0 {
					runtime.GC()
					runtime.ReadMemStats(&during)
					peak = max(peak, during.HeapAlloc)
				}
				return nil
			})
			if err != nil || rows != 100_000 {
				t.Fatalf("%d rows: %v", rows, err)
			}
			if grown := int64(peak) - int64(before.HeapAlloc); grown > 10<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

// A statement that takes too long is ended by the server itself.
func TestAServerEndsAStatementThatTakesTooLong(t *testing.T) {
	slow := map[string]string{"PostgreSQL": "SELECT pg_sleep(60)::text", "MariaDB": "SELECT sleep(60)"}
	for _, s := range servers(t) {
		if slow[s.name] == "" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			d, err := openDatabase(t.Context(), s.address, "", time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = d.close(t.Context()) }()
			rows := 0
			err = d.read(t.Context(), slow[s.name], func([]Column) error { return nil }, func([]string) error { rows++; return nil })
			// MariaDB interrupts a sleep without an error, and the result tells.
			if err == nil && (s.name != "MariaDB" || rows != 1) {
				t.Error("it went on")
			}
		})
	}
}
