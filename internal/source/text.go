package source

import (
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ovenbird/internal/ovenbird"
)

// scanTexts passes on rows as texts.
func scanTexts(rows *sql.Rows, columns int, text func(column int, value any) string, row func([]string) error) error {
	values, targets, texts := make([]any, columns), make([]any, columns), make([]string, columns)
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return ovenbird.Errorf(ovenbird.Unavailable, "read a row: %w", err)
		}
		for i, value := range values {
			texts[i] = text(i, value)
		}
		if err := row(texts); err != nil {
			return err
		}
	}
	return nil // the caller asks rows.Err
}

// plainText formats a value as drivers return it; nil is "".
func plainText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return hex.EncodeToString(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

// floatText writes the shortest decimal that gives the same number, without an
// exponent unless it would be long.
func floatText(f float64, bits int) string {
	if abs := max(f, -f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.FormatFloat(f, 'e', -1, bits)
	}
	return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, bits), "+")
}
