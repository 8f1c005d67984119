package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"ovenbird/internal/ovenbird"
)

// postgres reads PostgreSQL. Values come as the server writes them, so a number
// keeps all its digits and "infinity" is no error.
type postgres struct {
	conn  *pgx.Conn
	tx    pgx.Tx
	kinds map[uint32]Kind // by the number of a type that is not built in
}

// postgresSettings make the server's texts the same whatever its configuration
// says. They are set in the transaction, as a connection pool between may refuse
// others.
const postgresSettings = `SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601';
	SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; SET LOCAL client_encoding = 'UTF8'; SET LOCAL statement_timeout = %d`

func openPostgres(ctx context.Context, address string, timeout time.Duration) (_ snapshot, err error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errAddress
	}
	config.ConnectTimeout = connectTimeout
	// Statements without names work through connection pools.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "connect to PostgreSQL: %w", err)
	}
	p := &postgres{conn: conn, kinds: make(map[uint32]Kind)}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close(context.WithoutCancel(ctx)))
		}
	}()
	if p.tx, err = conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "begin to read: %w", err)
	}
	settings := fmt.Sprintf(postgresSettings, timeout.Milliseconds())
	if _, err = p.tx.Exec(ctx, settings, pgx.QueryExecModeSimpleProtocol); err != nil {
		return nil, ovenbird.Errorf(ovenbird.Unavailable, "begin to read: %w", err)
	}
	return p, nil
}

func (p *postgres) close(ctx context.Context) error {
	if p.tx != nil {
		_ = p.tx.Rollback(ctx) // nothing was written
	}
	return p.conn.Close(ctx)
}

func (p *postgres) columns(ctx context.Context, sql string) ([]Column, error) {
	statement, err := p.tx.Prepare(ctx, "", sql)
	if err != nil {
		return nil, postgresError(err)
	}
	if len(statement.ParamOIDs) > 0 {
		return nil, ovenbird.Errorf(ovenbird.Invalid, "the query has parameters such as $1; write the values out")
	}
	return p.describe(ctx, statement.Fields)
}

func (p *postgres) read(ctx context.Context, sql string, begin func([]Column) error, row func([]string) error) error {
	columns, err := p.columns(ctx, sql)
	if err != nil {
		return err
	}
	if err := begin(columns); err != nil {
		return err
	}
	rows, err := p.tx.Query(ctx, sql, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		return postgresError(err)
	}
	defer rows.Close()
	texts := make([]string, len(columns))
	for rows.Next() {
		for i, raw := range rows.RawValues() {
			texts[i] = postgresText(columns[i].Kind, raw)
		}
		if err := row(texts); err != nil {
			return err
		}
	}
	return postgresError(rows.Err())
}

// postgresKinds are the kinds of the types that are built in.
var postgresKinds = map[uint32]Kind{
	pgtype.BoolOID: Boolean, pgtype.Int2OID: Integer, pgtype.Int4OID: Integer, pgtype.Int8OID: Integer, pgtype.OIDOID: Integer,
	pgtype.NumericOID: Decimal, pgtype.Float4OID: Float, pgtype.Float8OID: Float,
	pgtype.TextOID: Text, pgtype.VarcharOID: Text, pgtype.BPCharOID: Text, pgtype.NameOID: Text, pgtype.QCharOID: Text,
	pgtype.UnknownOID: Text, pgtype.DateOID: Date, pgtype.TimeOID: TimeOfDay, pgtype.TimestampOID: Timestamp,
	pgtype.TimestamptzOID: Instant, pgtype.ByteaOID: Bytes, pgtype.JSONOID: JSON, pgtype.JSONBOID: JSON,
}

// describe names the columns' kinds. The number of a type that is not built in
// changes when its database is restored, so its name is asked for.
func (p *postgres) describe(ctx context.Context, fields []pgconn.FieldDescription) ([]Column, error) {
	var unknown []uint32
	for _, f := range fields {
		if postgresKinds[f.DataTypeOID] == "" && p.kinds[f.DataTypeOID] == "" {
			unknown = append(unknown, f.DataTypeOID)
		}
	}
	if len(unknown) > 0 {
		if err := p.learn(ctx, unknown); err != nil {
			return nil, err
		}
	}
	columns := make([]Column, len(fields))
	for i, f := range fields {
		columns[i] = Column{Name: f.Name, Kind: postgresKinds[f.DataTypeOID]}
		if columns[i].Kind == "" {
			columns[i].Kind = p.kinds[f.DataTypeOID]
		}
	}
	return columns, nil
}

// learn asks what types are. Enumerations and what else is text counts as text.
func (p *postgres) learn(ctx context.Context, types []uint32) error {
	const query = `SELECT oid, typname::text, typcategory IN ('E', 'S') FROM pg_catalog.pg_type WHERE oid = ANY($1)`
	rows, err := p.tx.Query(ctx, query, types)
	if err != nil {
		return postgresError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var number uint32
		var name string
		var text bool
		if err := rows.Scan(&number, &name, &text); err != nil {
			return postgresError(err)
		}
		p.kinds[number] = Kind(name)
		if text {
			p.kinds[number] = Text
		}
	}
	return postgresError(rows.Err())
}

// postgresText turns the server's text into ours.
func postgresText(kind Kind, raw []byte) string {
	text := string(raw)
	switch kind {
	case Boolean:
		switch text {
		case "t":
			return "true"
		case "f":
			return "false"
		}
	case Instant:
		// The session is in UTC; "infinity" has no zone.
		if at, ok := strings.CutSuffix(text, "+00"); ok {
			return strings.Replace(at, " ", "T", 1) + "Z"
		}
	case Bytes:
		return strings.TrimPrefix(text, `\x`)
	default: // as the server writes it
	}
	return text
}

// rights asks whether the user may write anything. A superuser may, whatever the
// tables say.
func (p *postgres) rights(ctx context.Context) (string, error) {
	const query = `SELECT coalesce((SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), false),
		count(*) FILTER (WHERE has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
			OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')), current_user::text
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`
	var super bool
	var tables int
	var user string
	if err := p.tx.QueryRow(ctx, query).Scan(&super, &tables, &user); err != nil {
		return "", postgresError(err)
	}
	const remedy = "give it a user that may only read: GRANT pg_read_all_data TO reader, or GRANT SELECT ON the tables"
	switch {
	case super:
		return fmt.Sprintf("the user %s is a superuser; %s", user, remedy), nil
	case tables > 0:
		return fmt.Sprintf("the user %s may write to %d tables; %s", user, tables, remedy), nil
	default:
		return "", nil
	}
}

// postgresError says whether trying again may help.
func postgresError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Class 42: the query names what is not there, or may not be read.
		if strings.HasPrefix(e.Code, "42") || e.Code == "25006" {
			return ovenbird.Errorf(ovenbird.Invalid, "PostgreSQL refuses the query: %w", err)
		}
	}
	return ovenbird.Errorf(ovenbird.Unavailable, "read from PostgreSQL: %w", err)
}
