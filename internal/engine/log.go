package engine

import (
	"context"
	"log/slog"
)

// warnings hands on what a person may have to see of what DBOS logs, which tells
// of everything it does.
type warnings struct{ slog.Handler }

// Enabled reports whether a record of a level is handed on.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs returns the same with attributes.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup returns the same in a group.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
